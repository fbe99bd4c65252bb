"""BRAT standoff of any project: a folder of .txt and .ann files, in folders train, dev and test if it is split.

See :mod:`._brat` for how spans and relations are read.
"""

from functools import partial

from ._brat import read_brat
from ._format import Format

FORMAT = Format("brat", "BRAT standoff: spans and relations (.txt, .ann)", partial(read_brat, name="brat"))
