//! SHA-256, and what is derived from it.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest, Sha256};

/// A SHA-256 in the making.
#[derive(Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Of all of them.
    #[must_use]
    pub fn sum(self) -> Sum {
        Sum(self.0.finalize().into())
    }
}

/// A SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sum([u8; 32]);

impl Sum {
    /// Of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Of a list of fields. Each is preceded by its length, so that no two
    /// lists run together into the same bytes.
    pub fn of_fields<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = Sha256::new();
        for field in fields {
            hasher.update((field.len() as u64).to_le_bytes());
            hasher.update(field);
        }
        Self(hasher.finalize().into())
    }

    /// 64 hexadecimal digits.
    #[must_use]
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// The first 12 of them: enough for a name, short enough for a person.
    #[must_use]
    pub fn short(&self) -> String {
        hex::encode(&self.0[..6])
    }

    /// As S3 wants it.
    #[must_use]
    pub fn base64(&self) -> String {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(self.0)
    }

    /// The raw bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// An Image Builder version made of 60 bits of the sum: versions are
    /// immutable there and each node is below 2^30, so the same content has the
    /// same version and other content another.
    #[must_use]
    pub fn version(&self) -> String {
        const NODE: u32 = (1 << 30) - 1;
        let node = |at: usize| {
            u32::from_be_bytes([self.0[at], self.0[at + 1], self.0[at + 2], self.0[at + 3]]) & NODE
        };
        format!("1.{}.{}", node(0), node(4))
    }
}

impl Serialize for Sum {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.hex())
    }
}

impl<'de> Deserialize<'de> for Sum {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(&text, &mut bytes).map_err(|_| {
            D::Error::custom(format!("{text:?} is no SHA-256: 64 hexadecimal digits"))
        })?;
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_run_together() {
        let of = |fields: &[&str]| Sum::of_fields(fields.iter().map(|field| field.as_bytes()));
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&["a"]), of(&["a", ""]));
    }

    #[test]
    fn versions_stay_inside_image_builders_limit() {
        for text in ["", "a", "b", "nixl"] {
            let version = Sum::of(text.as_bytes()).version();
            let nodes: Vec<u32> = version.split('.').map(|node| node.parse().unwrap()).collect();
            assert_eq!(nodes.len(), 3);
            assert!(nodes.iter().all(|node| *node < 1 << 30), "{version}");
        }
    }

    #[test]
    fn known_sum() {
        assert_eq!(
            Sum::of(b"abc").hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
