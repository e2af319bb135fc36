"""Many requests in one task: lines in, result rows out, and what keeps pace, money and memory within bounds."""
