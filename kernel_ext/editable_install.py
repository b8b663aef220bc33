"""Editable installs that bring the files for Jupyter and Dask too, which setuptools leaves out of them."""

from setuptools.command.editable_wheel import editable_wheel


class EditableWheel(editable_wheel):
    """Setuptools' own, told that there are data files: it asks the distribution ``has_data``, which it never has."""

    def run(self) -> None:
        """Build the wheel."""
        setattr(self.distribution, "has_data", self.distribution.has_data_files)  # noqa: B010
        super().run()
