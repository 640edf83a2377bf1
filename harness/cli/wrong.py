"""What is wrong with what a user gave, in one sentence that says what to do."""


class WrongInput(Exception):
    """Wrong usage or unreadable input: exit status 64, the sentence on stderr."""
