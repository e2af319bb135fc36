"""The pictures: painted, not generated, and the same for the same request on every machine.

It may enter nothing else of the emulator: it knows texts, sizes and pixels, no bodies and no models.
"""
