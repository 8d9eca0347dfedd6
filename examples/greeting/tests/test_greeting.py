"""What the doorman says, by the hour."""

import unittest

from greeting import greet


class TheDoorman(unittest.TestCase):
    def test_has_coffee_for_the_morning(self) -> None:
        for hour in (5, 8, 11):
            self.assertEqual(greet("Ada", hour), "Good morning, Ada. The coffee is fresh.")

    def test_keeps_it_short_in_the_afternoon(self) -> None:
        for hour in (12, 15, 17):
            self.assertEqual(greet("Grace", hour), "Good afternoon, Grace.")

    def test_lights_the_lamps_in_the_evening(self) -> None:
        for hour in (18, 20, 22):
            self.assertEqual(greet("Alan", hour), "Good evening, Alan. The lamps are lit.")

    def test_sends_night_owls_home(self) -> None:
        for hour in (23, 0, 4):
            self.assertEqual(greet("Linus", hour), "Still here, Linus? Even the owls have gone to bed.")

    def test_knows_how_long_a_day_is(self) -> None:
        for hour in (-1, 24):
            with self.assertRaisesRegex(ValueError, "0 to 23"):
                greet("Ada", hour)


if __name__ == "__main__":
    unittest.main()
