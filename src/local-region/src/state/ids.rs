//! Random identifiers in AWS's forms.

use base64::Engine;

/// `i-0123456789abcdef0` and the like: 17 hexadecimal digits.
#[must_use]
pub fn resource(prefix: &str) -> String {
    format!("{prefix}-0{:016x}", rand::random::<u64>())
}

/// `AROA…`, `AIPA…`, `ASIA…`: 16 characters of base 32 behind the prefix.
#[must_use]
pub fn unique(prefix: &str) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let random: [u8; 16] = rand::random();
    let tail = random.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
    prefix.chars().chain(tail).collect()
}

/// A secret of `bytes` random bytes, safe in URLs.
#[must_use]
pub fn secret(bytes: usize) -> String {
    let random: Vec<u8> = (0..bytes).map(|_| rand::random::<u8>()).collect();
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random)
}

/// A locally administered MAC address, as EC2's begin with `02` or `06`.
#[must_use]
pub fn mac() -> String {
    let random: [u8; 5] = rand::random();
    let tail: Vec<String> = random.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("02:{}", tail.join(":"))
}

/// A request id.
#[must_use]
pub fn request() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// A request id of S3: 16 digits and capital letters.
#[must_use]
pub fn object_request() -> String {
    format!("{:016X}", rand::random::<u64>())
}

/// `sir-1a2b3c4d`: eight digits and letters.
#[must_use]
pub fn spot_request() -> String {
    format!("sir-{:08x}", rand::random::<u32>())
}

#[cfg(test)]
mod tests {
    #[test]
    fn have_their_form() {
        let id = super::resource("i");
        assert_eq!(id.len(), 19, "{id}");
        assert_eq!(super::unique("AROA").len(), 20);
        assert_eq!(super::mac().len(), 17);
        assert_ne!(super::secret(30), super::secret(30));
    }
}
