"""Short programs, one for each system of the courses: `python -m tinygrad_tr.examples.NAME`."""
