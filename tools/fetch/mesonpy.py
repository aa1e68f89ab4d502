"""Stands in for the build backend of nanoarrow's source archive (a PEP 517 backend of that name) while pip fetches it.

pip asks the backend for the metadata of what it downloads. The real one would install a build system, configure the
whole package and need Python's C headers for it; but the archive carries its metadata, and nothing of it is built here.
"""

import email.parser
import pathlib
import shutil


def get_requires_for_build_wheel(config_settings=None):
    return []


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    package = email.parser.Parser().parsestr(pathlib.Path("PKG-INFO").read_text(encoding="utf-8"), headersonly=True)
    name = f"{package['Name']}-{package['Version']}.dist-info"
    folder = pathlib.Path(metadata_directory) / name
    folder.mkdir()
    shutil.copy("PKG-INFO", folder / "METADATA")
    return name
