"""A head that imports its plots aside has whole ones, also when somebody asks for their list meanwhile."""

import subprocess
import sys

ASKED_MEANWHILE = """
import sys, threading
from dask_dataproc.init_actions import head

sys.setswitchinterval(1e-6)  # threads take turns as on a machine with too much to do
aside = threading.Thread(target=head._import_dashboard)
aside.start()
while aside.is_alive() and "bokeh" not in sys.modules:
    pass
from bokeh.server.tornado import BokehTornado

aside.join()
from bokeh.core.property.bases import validation_on

print(validation_on())
"""


def test_plots_are_whole_though_their_list_was_asked_for_while_they_were_imported():
    ran = subprocess.run([sys.executable, "-c", ASKED_MEANWHILE], capture_output=True, text=True, timeout=60)
    assert ran.stdout == "True\n", ran.stderr
