# shellcheck shell=bash
# Certificates of an authority that is not ours, as a company or a public one gives them: certificates.sh FOLDER
set -euo pipefail
mkdir -p "$1" && cd "$1"
curve=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
openssl req -x509 "${curve[@]}" -keyout root.key -out root.pem -days 3650 -subj "/CN=Another authority" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign 2> /dev/null
leaf() { # name, subject alternative names, more arguments
    local name=$1 names=$2
    shift 2
    openssl req -new "${curve[@]}" -keyout "$name.key" -out "$name.csr" -subj "/CN=$name" 2> /dev/null
    printf '%s\n' basicConstraints=critical,CA:FALSE keyUsage=critical,digitalSignature extendedKeyUsage=serverAuth \
        subjectAltName="$names" > "$name.ext"
    openssl x509 -req -in "$name.csr" -CA root.pem -CAkey root.key -CAcreateserial -extfile "$name.ext" \
      -out "$name.pem" "$@" 2> /dev/null
}
both=IP:10.99.12.11,DNS:bookworm.example.org
leaf good "$both" -days 90
leaf nameless DNS:elsewhere.example.org -days 90
leaf old "$both" -not_before 20250101000000Z -not_after 20250201000000Z || leaf old "$both" -days -1
cp old.key other.key
