"""What is imported when: seen in fresh processes."""

import subprocess
import sys

import pytest

LIGHT_COMMANDS = [
    ["--help"],
    ["list"],
    ["show", "distil-65m"],
    ["annotate", "--help"],
    ["benchmark", "--help"],
    ["bundle", "--help"],
    ["demo", "--help"],
    ["card", "--help"],
    ["release", "push", "--help"],
    ["data", "prepare", "--help"],
    ["data", "publish", "--help"],
]


def run(*lines: str) -> None:
    ended = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_light_commands_import_neither_torch_nor_transformers() -> None:
    run(
        "import sys; from nlpie_models.cli import main",
        f"for arguments in {LIGHT_COMMANDS!r}:",
        "    main(arguments, standalone_mode=False)",
        "    assert not {'torch', 'transformers', 'numpy'} & set(sys.modules), arguments",
    )


def test_loading_a_pipeline_imports_no_room_that_trains_or_publishes() -> None:
    run(
        "import sys, nlpie_models; nlpie_models.load_clinical()",
        "rooms = {name.split('.')[1] for name in sys.modules if name.startswith('nlpie_models.')}",
        "assert not rooms & {'training', 'distillation', 'evaluation', 'release', 'annotating', 'cli'}, rooms",
    )


def test_documents_and_the_table_of_engines_import_no_torch() -> None:
    run(
        "import sys",
        "import nlpie_models.documents.exports, nlpie_models.pipelines, nlpie_models.engines",
        "nlpie_models.engines.list_engines()",
        "assert not {'torch', 'transformers'} & set(sys.modules)",
    )


@pytest.mark.parametrize(
    "first",
    [
        "import transformers.modeling_utils; import nlpie_models",
        "import nlpie_models; from transformers import BertModel",
        "from nlpie_models.architectures.minialbert import MiniAlbertConfig",
        "from nlpie_models.architectures.minialbert.modeling_minialbert import MiniAlbertModel",
    ],
)
def test_minialbert_is_registered_whatever_is_imported_first(first) -> None:
    run(
        first,
        "from transformers import AutoConfig, AutoModelForTokenClassification",
        "config = AutoConfig.for_model('minialbert', hidden_size=16, num_attention_heads=2, vocab_size=9)",
        "model = AutoModelForTokenClassification.from_config(config)",
        "assert type(model).__name__ == 'MiniAlbertForTokenClassification'",
    )
