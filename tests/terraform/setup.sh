#!/usr/bin/env bash
# What checks infra/terraform, into build/terraform and once: Google's schema out of the CDKTF package, a provider that
# serves it, Terraform (or OpenTofu, from source: four minutes), and an environment with checkov and Google's CEL.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
made=$root/build/terraform
cdktf=16.12.1 schema=6.50.0 tofu=v1.11.1
python=$root/.venv/bin/python uv=$root/.venv/bin/uv

need() { # need COMMAND HINT
    command -v "$1" >/dev/null || { echo "tests/terraform/setup.sh: $1 is needed: $2" >&2; exit 1; }
}

once() { # once STAMP WHAT: whether WHAT is to be made, as STAMP does not say that it is
    [ "$(cat "$made/.$1" 2>/dev/null)" != "$2" ]
}

mkdir -p "$made"
mirror=$made/mirror/registry.terraform.io/hashicorp/google/$schema/$(uname -s | tr '[:upper:]' '[:lower:]')_$(
    case $(uname -m) in x86_64) echo amd64 ;; aarch64 | arm64) echo arm64 ;; *) uname -m ;; esac
)
mkdir -p "$mirror"
ln -sfn registry.terraform.io "$made/mirror/registry.opentofu.org" # where OpenTofu looks for the same provider

read_by=$(cat "$here/schema.py" | cksum)
if once schema "$cdktf $read_by"; then
    need npm "https://nodejs.org"
    rm -rf "${made:?}/package" && mkdir -p "$made/package"
    archive=$(cd "$made" && npm pack --silent "@cdktf/provider-google@$cdktf")
    tar --extract --gzip --file "$made/$archive" --directory "$made/package" --strip-components=1 package/.jsii package/lib
    "$python" "$here/schema.py" read "$made/package" "$made/schema.json"
    rm -rf "$made/package" "${made:?}/$archive"
    echo "$cdktf $read_by" >"$made/.schema"
fi

mapfile -t texts < <(find "$root/infra/terraform" -name '*.tf') && texts+=("$here/test_scan.py")
"$python" "$here/schema.py" select "$made/schema.json" "$mirror/schema.json" "${texts[@]}" >/dev/null

built_of=$(cat "$here/provider/main.go" "$here/provider/go.sum" | cksum)
if once provider "$built_of"; then
    need go "Go 1.25 or newer: https://go.dev/doc/install"
    (cd "$here/provider" && go build -o "$mirror/terraform-provider-google_v$schema" .)
    echo "$built_of" >"$made/.provider"
fi

if ! command -v terraform >/dev/null && once tofu "$tofu"; then
    need go "Go 1.25 or newer: https://go.dev/doc/install"
    GOBIN=$made go install "github.com/opentofu/opentofu/cmd/tofu@$tofu"
    echo "$tofu" >"$made/.tofu"
fi

if once venv "$(cat "$here/requirements.txt")"; then
    "$python" -m venv --clear "$made/venv"
    "$uv" pip install --quiet --python "$made/venv/bin/python" -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$made/.venv"
fi

cat >"$made/terraform.rc" <<EOF
disable_checkpoint = true
provider_installation {
  filesystem_mirror {
    path = "$made/mirror"
  }
}
EOF
