"""Where ``nlpie bundle install`` puts checkpoints, and ``load_clinical`` finds them by name."""

import os
import re
from pathlib import Path

VARIABLE = "NLPIE_MODELS_HOME"
_NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9_][\w.-]*(/[A-Za-z0-9_][\w.-]*)?")


def models_home() -> Path:
    """Return the folder of installed checkpoints: ``$NLPIE_MODELS_HOME``, else one in the user's home."""
    given = os.environ.get(VARIABLE)
    return Path(given).expanduser() if given else Path.home() / ".local" / "share" / "nlpie_models"


def is_installable(name: str) -> bool:
    """Whether a name can be that of an installed checkpoint: a plain one, or a Hub id."""
    return _NAME.fullmatch(name) is not None


def find_installed(name: str) -> Path | None:
    """Return the folder of an installed checkpoint, or None."""
    folder = models_home() / name
    return folder if is_installable(name) and folder.is_dir() else None
