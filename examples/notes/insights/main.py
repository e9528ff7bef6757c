"""What a user's notes come to: how many words, and which come up most. Who asks is for Keyward to say."""

import json
import os
import re
from collections import Counter
from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI
from keyward.fastapi import SignedIn, install

app = FastAPI()
install(app, os.environ["KEYWARD_URL"])
folder = Path(os.environ["NOTES"])


@app.get("/api/insights/health")
def health() -> dict[str, bool]:
    return {"ok": True}


@app.get("/api/insights")
def insights(identity: SignedIn) -> dict[str, object]:
    texts = [note["text"] for note in notes_of(identity.user)]
    words = [word.lower() for text in texts for word in re.findall(r"\w+", text)]
    often = Counter(word for word in words if len(word) > 3)
    return {"notes": len(texts), "words": len(words), "often": [word for word, _ in often.most_common(3)]}


def notes_of(user: str) -> list[dict[str, str]]:
    file = folder / f"{quote(user, safe='')}.json"
    return json.loads(file.read_text())["notes"] if file.exists() else []
