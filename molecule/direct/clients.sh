# shellcheck shell=bash
# A client on the network, with curl and openssl alone: clients.sh FOLDER-OF-THE-CONTROL-NODE
set -uo pipefail
cd "$1" || exit 1
ca=pki/ca/certs/ca.cert.pem
ask() { curl --silent --max-time 10 --noproxy '*' "$@"; }
status() { ask --cacert "$ca" -o /dev/null -w '%{http_code} %{redirect_url}\n' "$@"; }

echo "by address and by name, trusting our authority alone"
ask --cacert "$ca" https://10.99.2.11:8888/api | grep -o '"version": "2'
ask --cacert "$ca" --resolve bookworm.example.org:8888:10.99.2.11 https://bookworm.example.org:8888/api | grep -o '"version": "2'
ask --cacert "$ca" https://10.99.2.11:9443/books/api | grep -o '"version": "2'
ask --cacert "$ca" --resolve trixie.example.org:8888:10.99.2.12 https://trixie.example.org:8888/api | grep -o '"version": "2'

echo "without the authority"
ask https://10.99.2.11:8888/api
echo "curl $?" # 60: the peer's certificate cannot be verified

echo "without a password, with an empty token, and the pages for Juno and for browsers"
status https://10.99.2.11:8888/api/kernels
status "https://10.99.2.11:8888/api/kernels?token="
status -H 'Authorization: token ' https://10.99.2.11:8888/api/contents
status https://10.99.2.11:8888/tree
status https://10.99.2.11:8888/lab

echo "a file of a page, as browsers and as others get it, and on a second visit"
for page in :8888/static/nbclassic/style/style.min.css :9443/books/static/nbclassic/style/style.min.css \
  :8888/lab/api/themes/@jupyterlab/theme-light-extension/index.css; do
    ask --cacert "$ca" --compressed -D headers -o packed -w '%{http_code} ' "https://10.99.2.11$page"
    ask --cacert "$ca" -o plain "https://10.99.2.11$page"
    cmp packed plain && echo "$(grep -ic '^content-encoding: gzip' headers) compressed"
    ask --cacert "$ca" --compressed -o /dev/null -w '%{http_code} %{size_download}\n' "https://10.99.2.11$page" \
      -H "If-Modified-Since: $(sed -n 's/\r$//; s/^[Ll]ast-[Mm]odified: //p' headers)"
done

echo "the certificate, and what the server refuses to speak"
openssl s_client -connect 10.99.2.12:8888 -CAfile "$ca" -verify_return_error </dev/null 2>/dev/null |
    openssl x509 -noout -ext subjectAltName,extendedKeyUsage | sed 's/^ *//; s/ *$//'
openssl s_client -connect 10.99.2.12:8888 -tls1_1 </dev/null >/dev/null 2>&1 && echo "TLS 1.1"
openssl s_client -connect 10.99.2.12:8888 -tls1_2 -cipher ECDHE-ECDSA-AES128-SHA </dev/null >/dev/null 2>&1 \
  && echo "CBC"
echo "end"
