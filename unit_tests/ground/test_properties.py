"""Properties: a path costs nothing of what templates need."""

import subprocess
import sys


def test_property_when_it_is_a_path_then_jinja_is_not_imported() -> None:
    """Who uses no template pays nothing for them."""
    script = (
        "import sys;"
        "from destination_intercom.properties import compile_property, is_template, read_paths;"
        "assert compile_property('a.b')({'a': {'b': 1}}) == 1;"
        "assert read_paths('a.b') == ('a.b',);"
        "assert not is_template('a.b');"
        "assert 'jinja2' not in sys.modules, 'for a path';"
        "assert compile_property('{{ record.a }}')({'a': 1}) == 1;"
        "assert 'jinja2' in sys.modules, 'for a template'"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
