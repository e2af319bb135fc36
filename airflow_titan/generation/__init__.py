"""One request from its inputs to a published result: at most so many paid calls, resumable on any retry."""
