"""The AWS SDK for JavaScript in a task."""

import os
import shutil

import sdk


def test_the_sdk_finds_its_region_the_endpoint_and_the_role_and_reaches_other_services():
    sdk.check(shutil.which("node"), os.environ["KECS_TEST_SDK_FOR_JAVASCRIPT"])
