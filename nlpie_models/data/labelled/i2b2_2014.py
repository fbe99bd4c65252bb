"""i2b2/UTHealth 2014 de-identification (Stubbs and Uzuner, 2015, https://doi.org/10.1016/j.jbi.2015.07.020).

Read from the XML of ``training-PHI-Gold-Set1`` and ``-Set2``, and of ``testing-PHI-Gold-fixed``, or of folders
``train`` and ``test``. The label is the TYPE (such as DOCTOR), as in published scores, not the element (NAME). A file
is called after its patient (``220-01.xml``): the held-out validation split is one of patients.
"""

from ._format import Format, LabelledSource, PreparedSet
from ._i2b2_xml import SpanSet, read_i2b2_xml

_ELEMENTS = {"NAME", "PROFESSION", "LOCATION", "AGE", "DATE", "CONTACT", "ID", "OTHER", "PHI"}


def _read(source: LabelledSource) -> list[PreparedSet]:
    sets = (SpanSet("i2b2-2014-ner", _ELEMENTS, "TYPE"),)
    return read_i2b2_xml(source, sets, patient_of=lambda document: document.partition("-")[0], unit="patients")


FORMAT = Format("i2b2-2014", "i2b2 2014: identifying information (XML)", _read)
