# SPDX-License-Identifier: BSD-3-Clause
"""The manifest beside each capture: what tokens were sent and where they stood, told without bearertap."""
import json


def sighting(token, placement, direction, method, host, path, **more):
    return {
        "sha256": token.sha256,
        "placement": placement,
        "kid": token.kid,
        "alg": token.alg,
        "format": token.format,
        "direction": direction,
        "method": method,
        "host": host,
        "path": path,
        "revoked": token.revoked,
        "match": token.match,
        **more,
    }


def write(path, about, ends, sightings, texts, **more):
    """`ends` are the client's address, the server's and its port; `texts` are the tokens by their SHA-256, so that a
    test can search every output for them."""
    manifest = {
        "about": about,
        "client": ends[0],
        "server": ends[1],
        "port": ends[2],
        "counts": {
            "sightings": len(sightings),
            "revoked": sum(each["revoked"] for each in sightings),
            "tokens": len(texts),
        },
        **more,
        "sightings": sightings,
        "tokens": texts,
    }
    with open(path, "w") as file:
        json.dump(manifest, file, indent=1)
        file.write("\n")
