#!/usr/bin/env bash
# Install a built wheel into a fresh environment and use it from another folder, without a network.
set -euo pipefail
wheel=$(realpath "$1")
constraints=$(realpath "$(dirname "$0")/../constraints.txt")
tomls=$(ls "$(dirname "$0")"/../nlpie_models/checkpoints/*.toml | wc -l)
size=$(stat -c %s "$wheel")
[ "$size" -lt 40000000 ] || { echo "the wheel has $size bytes, more than 40 MB"; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv env
env/bin/pip --disable-pip-version-check --quiet install --constraint "$constraints" "$wheel"
export HF_HUB_OFFLINE=1
env/bin/python - "$tomls" <<'PY'
import sys
from pathlib import Path

import nlpie_models

assert "site-packages" in nlpie_models.__file__, nlpie_models.__file__
assert len(nlpie_models.list_checkpoints()) == int(sys.argv[1]), "a TOML is missing from the wheel"
note = "She was given aspirin for pneumonia. An MRI was normal."
labels = {entity.text: entity.label for entity in nlpie_models.load_clinical()(note).entities}
assert labels == {"aspirin": "treatment", "pneumonia": "problem", "MRI": "test"}, labels
assert nlpie_models.load_clinical(task="classification")("adenocarcinoma of the colon").label == "malignant"
answer = nlpie_models.load_clinical(task="nli")("He denies any chest pain or cough.", "The patient reports chest pain.")
assert answer.label == "contradiction", answer
(given, *_) = nlpie_models.load_clinical(task="relation")("He takes lisinopril for hypertension.").relations
assert (given.head.text, given.label, given.tail.text) == ("lisinopril", "given_for", "hypertension"), given
PY
env/bin/python -c 'from nlpie_models.evaluation.suites import read_suite; read_suite("open"), read_suite("clinical")'
env/bin/nlpie demo -o demo
[ "$(wc -l < demo/notes.jsonl)" -eq 6 ] && [ -s demo/notes.html ] && [ -s demo/relations.csv ] && [ -s demo/statements.csv ] && [ -s demo/terms.csv ]
installed=$(echo env/lib/python3.*/site-packages)
ls "$installed"/nlpie_models-*.dist-info/licenses/LICENSE "$installed"/nlpie_models-*.dist-info/licenses/LICENSES/Apache-2.0.txt
ls "$installed"/nlpie_models/bundled/demo/notes/LICENCE.md
ls "$installed"/nlpie_models/bundled/recorded/{LICENCE.md,recorded.toml,test.jsonl.gz}
ls "$installed"/nlpie_models/bundled/corpora/{clinical_notes,clinical_nli}/{LICENCE.md,GUIDELINES.md,test.jsonl.gz}
env/bin/nlpie annotate "$installed"/nlpie_models/bundled/demo/notes -o notes.csv -o brat
[ -s notes.csv ] && [ "$(ls brat/*.ann | wc -l)" -eq 6 ]
echo "the wheel works: $(basename "$wheel"), $size bytes"
