"""``python -m pylb``"""

from pylb.main import entry

if __name__ == "__main__":
    entry()
