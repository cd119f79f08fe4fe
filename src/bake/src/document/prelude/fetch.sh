# fetch FILE BYTES SHA256 URL: what is there afterwards is what recipe.lock names.
fetch() {
    local part=$1.part said
    # curl tries again what may pass; --max-filesize ends what cannot be right.
    curl --fail --silent --show-error --location --retry 3 --max-filesize "$2" \
        --proto =http,https --proto-redir =https --connect-timeout 20 \
        --output "$part" -- "$4" || die "$4: not downloaded (curl's exit code $?)"
    said=$(stat --format %s "$part")
    [[ $said == "$2" ]] || die "$4: $said bytes, recipe.lock says $2"
    said=$(sha256sum "$part" | cut -d' ' -f1)
    [[ $said == "$3" ]] || die "$4: SHA-256 $said, recipe.lock says $3"
    mv "$part" "$1"
}
command -v curl >/dev/null || {
    retry apt-get update
    retry apt-get install --yes --no-install-recommends ca-certificates curl
}
