# shellcheck shell=bash
# Sourced: the requests of a browser, with curl. Reads: jar, a cookie file; url; ca.
login() { # password
  rm -f "${jar:?}"
  curl --silent --cacert "${ca:?}" --cookie-jar "${jar:?}" --output /dev/null "${url:?}/login"
  curl --silent --cacert "${ca:?}" --cookie "${jar:?}" --cookie-jar "${jar:?}" --output /dev/null \
    --write-out '%{http_code}\n' \
    --data-urlencode "_xsrf=$(awk '/_xsrf/ { print $7 }' "${jar:?}")" --data-urlencode "password@$1" "${url:?}/login"
}
kernels() { # cookie file
  curl --silent --cacert "${ca:?}" --cookie "$1" --output /dev/null --write-out '%{http_code}\n' "${url:?}/api/kernels"
}
