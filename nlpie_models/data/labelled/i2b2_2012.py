"""i2b2/VA 2012 temporal relations (Sun et al., 2013, https://doi.org/10.1136/amiajnl-2013-001628): events and times.

Read from the XML of ``2012-07-15.original-annotation.release`` and of ``ground_truth`` or
``2012-08-08.test-data.event-timex-groundtruth``, or of folders ``train`` and ``test``. ``i2b2-2012-ner`` has the EVENTs
by type, which published NER scores are about; ``i2b2-2012-timex`` the TIMEX3s. Temporal links are not read. Texts hold
escapes such as ``&apos;`` literally and keep them.
"""

from ._format import Format, LabelledSource, PreparedSet
from ._i2b2_xml import SpanSet, read_i2b2_xml

_SETS = (SpanSet("i2b2-2012-ner", {"EVENT"}, "type"), SpanSet("i2b2-2012-timex", {"TIMEX3"}, "type"))
_HINTS = {"original-annotation": "train", "ground_truth": "test", "groundtruth": "test"}


def _read(source: LabelledSource) -> list[PreparedSet]:
    return read_i2b2_xml(source, _SETS, others={"SECTIME", "TLINK"}, hints=_HINTS)


FORMAT = Format("i2b2-2012", "i2b2 2012: clinical events; time expressions (XML)", _read)
