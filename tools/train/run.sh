#!/usr/bin/env bash
# Makes models/gaze-mini/ from ../shared/data and public packages: tools/train/run.sh [--without fashion,…]
# A virtual environment of its own stands in the cache folder (GAZE_TRAIN_CACHE, default build/train).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
export GAZE_TRAIN_CACHE=${GAZE_TRAIN_CACHE:-$here/../../build/train}
mkdir -p "$GAZE_TRAIN_CACHE"
if [ ! -f /usr/share/wordnet/data.noun ]; then
    echo "WordNet is missing: apt-get install wordnet-base" >&2
    exit 1
fi
python=${GAZE_TRAIN_PYTHON:-$GAZE_TRAIN_CACHE/venv/bin/python}
if [ ! -x "$python" ]; then
    python3 -m venv "$GAZE_TRAIN_CACHE/venv"
    "$GAZE_TRAIN_CACHE/venv/bin/pip" install --quiet -r "$here/requirements.txt"
    python=$GAZE_TRAIN_CACHE/venv/bin/python
fi
exec "$python" "$here/run.py" "$@"
