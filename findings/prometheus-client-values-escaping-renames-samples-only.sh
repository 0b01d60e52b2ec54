#!/usr/bin/env bash
# prometheus-client 0.26.0: a scrape that asks for `escaping=values` gets samples without HELP and TYPE.
#
# A Prometheus 3 server may ask for OpenMetrics 1.0 with `escaping=values`: names outside the old
# alphabet are then written as U__... . For a plain name with an underscore the encoder doubles the
# underscore in the samples, but writes HELP and TYPE with the name as it was: so the family and its
# samples are two different names, and the type is lost. `escaping=underscores` keeps them together.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check prometheus-client==0.26.0

"$folder/env/bin/python" - <<'PYTHON'
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.exposition import choose_encoder

print("prometheus-client", version("prometheus-client"))
registry = CollectorRegistry()
Counter("jobs_done", "Jobs that are done", registry=registry)


def scraped(escaping):
    encoder, content_type = choose_encoder(
        f"application/openmetrics-text; version=1.0.0; escaping={escaping}"
    )
    text = encoder(registry).decode()
    print("--", content_type)
    print(text)
    lines = text.splitlines()
    family = next(line.split()[2] for line in lines if line.startswith("# TYPE"))
    sample = next(line.split()[0] for line in lines if not line.startswith("#"))
    return family, sample


family, sample = scraped("underscores")
assert sample.startswith(family), (family, sample)
family, sample = scraped("values")
assert not sample.startswith(family), (family, sample)
PYTHON
echo "as described"
