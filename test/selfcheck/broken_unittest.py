# SPDX-License-Identifier: GPL-2.0
"""One sound case, one broken, one in error. want: 1 passed, 3 failed"""
import unittest


class Case(unittest.TestCase):
    def test_sound(self):
        self.assertEqual(1, 1)

    def test_broken(self):
        self.assertEqual(1, 2)

    def test_error(self):
        raise RuntimeError("not foreseen")
