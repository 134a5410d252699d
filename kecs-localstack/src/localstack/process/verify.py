"""Exits with 0 if every file that the distributions of this environment installed is there with its size, and every requirement of the file
in the first argument is among them. A requirement with a marker may not be for this machine and is passed over."""

import importlib.metadata
import pathlib
import re
import sys

found = set()
for distribution in importlib.metadata.distributions():
    found.add(re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower())
    for file in distribution.files or ():
        path = pathlib.Path(distribution.locate_file(file))
        # What Python compiles is made anew when it is needed.
        if path.suffix != ".pyc" and (not path.is_file() or (file.size is not None and path.stat().st_size != file.size)):
            sys.exit(f"{path} is damaged")
for line in pathlib.Path(sys.argv[1]).read_text().splitlines():
    requirement = re.match(r"([a-z0-9][a-z0-9-]*)==[^ ;]+ \\$", line)
    if requirement and requirement[1] not in found:
        sys.exit(f"{requirement[1]} is missing")
