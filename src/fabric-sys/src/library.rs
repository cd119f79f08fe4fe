//! The opened library and its exported functions, each bound to one symbol
//! version: a plain `dlsym` answers with whichever version the loader likes.

use crate::abi::{fi_fabric_attr, fi_info, fid_fabric};
use crate::search::{self, Attempt};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::fmt;
use std::path::{Path, PathBuf};

/// A libfabric version, as `FI_VERSION` packs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Major number.
    pub major: u16,
    /// Minor number.
    pub minor: u16,
}

impl Version {
    /// Unpacks `fi_version()`.
    #[must_use]
    pub const fn from_raw(raw: u32) -> Self {
        Self { major: (raw >> 16) as u16, minor: (raw & 0xffff) as u16 }
    }

    /// Packs for `fi_getinfo`.
    #[must_use]
    pub const fn to_raw(self) -> u32 {
        (self.major as u32) << 16 | self.minor as u32
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Why there is no usable libfabric.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No candidate could be opened.
    #[error(
        "libfabric cannot be opened: {}; install libfabric1 or the EFA installer's libfabric",
        join(tried)
    )]
    NotFound {
        /// Every file tried, in order.
        tried: Vec<Attempt>,
    },
    /// The file opened is not a libfabric this program can use.
    #[error("{} has no {symbol}@{version}; libfabric 1.9 or later is needed", path.display())]
    Symbol {
        /// File opened.
        path: PathBuf,
        /// Function missing.
        symbol: &'static str,
        /// Version node asked for.
        version: &'static str,
    },
}

fn join(tried: &[Attempt]) -> String {
    tried.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

type GetInfo = unsafe extern "C" fn(
    u32,
    *const c_char,
    *const c_char,
    u64,
    *const fi_info,
    *mut *mut fi_info,
) -> c_int;
type Fabric = unsafe extern "C" fn(*mut fi_fabric_attr, *mut *mut fid_fabric, *mut c_void) -> c_int;

/// libfabric, open for the rest of the process's life.
#[derive(Debug, Clone)]
pub struct Library {
    path: PathBuf,
    fi_version: unsafe extern "C" fn() -> u32,
    fi_strerror: unsafe extern "C" fn(c_int) -> *const c_char,
    fi_getinfo: GetInfo,
    fi_dupinfo: unsafe extern "C" fn(*const fi_info) -> *mut fi_info,
    fi_freeinfo: unsafe extern "C" fn(*mut fi_info),
    fi_fabric: Fabric,
}

impl Library {
    /// Opens the configured file, or else the first of the usual places.
    ///
    /// # Errors
    /// [`LoadError`] with what was tried.
    pub fn open(configured: Option<&Path>) -> Result<Self, LoadError> {
        let (candidate, handle) = search::open(&search::candidates(configured))
            .map_err(|tried| LoadError::NotFound { tried })?;
        let symbol = |name: &'static CStr, version: &'static CStr| {
            // SAFETY: the handle is open and both strings are terminated.
            let address = unsafe { libc::dlvsym(handle, name.as_ptr(), version.as_ptr()) };
            if address.is_null() {
                Err(LoadError::Symbol {
                    path: candidate.clone(),
                    symbol: name.to_str().unwrap_or_default(),
                    version: version.to_str().unwrap_or_default(),
                })
            } else {
                Ok(address)
            }
        };
        let version = symbol(c"fi_version", c"FABRIC_1.0")?;
        let strerror = symbol(c"fi_strerror", c"FABRIC_1.0")?;
        let getinfo = symbol(c"fi_getinfo", c"FABRIC_1.3")?;
        let dupinfo = symbol(c"fi_dupinfo", c"FABRIC_1.3")?;
        let freeinfo = symbol(c"fi_freeinfo", c"FABRIC_1.3")?;
        let fabric = symbol(c"fi_fabric", c"FABRIC_1.1")?;
        // SAFETY: these version nodes have had these prototypes since they
        // were introduced (rdma/fabric.h).
        unsafe {
            Ok(Self {
                path: loaded_from(version).unwrap_or(candidate),
                fi_version: std::mem::transmute::<*mut c_void, unsafe extern "C" fn() -> u32>(
                    version,
                ),
                fi_strerror: std::mem::transmute::<
                    *mut c_void,
                    unsafe extern "C" fn(c_int) -> *const c_char,
                >(strerror),
                fi_getinfo: std::mem::transmute::<*mut c_void, GetInfo>(getinfo),
                fi_dupinfo: std::mem::transmute::<
                    *mut c_void,
                    unsafe extern "C" fn(*const fi_info) -> *mut fi_info,
                >(dupinfo),
                fi_freeinfo: std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut fi_info)>(
                    freeinfo,
                ),
                fi_fabric: std::mem::transmute::<*mut c_void, Fabric>(fabric),
            })
        }
    }

    /// File the loader took.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `fi_version()`.
    #[must_use]
    pub fn version(&self) -> Version {
        // SAFETY: takes nothing, reads a constant.
        Version::from_raw(unsafe { (self.fi_version)() })
    }

    /// Version to ask `fi_getinfo` for: a 1.17 library refuses 1.18.
    #[must_use]
    pub fn api_version(&self) -> Version {
        self.version().min(crate::API_VERSION)
    }

    /// `fi_strerror` of a positive error number.
    #[must_use]
    pub fn strerror(&self, errno: i32) -> String {
        // SAFETY: gives a static string for any number.
        let text = unsafe { (self.fi_strerror)(errno) };
        if text.is_null() {
            return format!("error {errno}");
        }
        // SAFETY: not null, terminated.
        unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
    }

    /// `fi_getinfo` at [`Self::api_version`].
    ///
    /// # Safety
    /// `node` and `service` are null or terminated strings, `hints` is null or
    /// an info of this library, `info` is writable.
    pub unsafe fn getinfo(
        &self,
        node: *const c_char,
        service: *const c_char,
        flags: u64,
        hints: *const fi_info,
        info: *mut *mut fi_info,
    ) -> c_int {
        // SAFETY: as promised by the caller.
        unsafe { (self.fi_getinfo)(self.api_version().to_raw(), node, service, flags, hints, info) }
    }

    /// `fi_allocinfo`: an empty info with all its parts, allocated by the
    /// library; null without memory.
    #[must_use]
    pub fn allocinfo(&self) -> *mut fi_info {
        // SAFETY: null asks for an empty one.
        unsafe { (self.fi_dupinfo)(std::ptr::null()) }
    }

    /// `fi_dupinfo`: a copy of one entry without its list.
    ///
    /// # Safety
    /// `info` is an info of this library.
    #[must_use]
    pub unsafe fn dupinfo(&self, info: *const fi_info) -> *mut fi_info {
        // SAFETY: as promised by the caller.
        unsafe { (self.fi_dupinfo)(info) }
    }

    /// `fi_freeinfo`.
    ///
    /// # Safety
    /// `info` is an info (list) of this library that nothing uses any more.
    pub unsafe fn freeinfo(&self, info: *mut fi_info) {
        // SAFETY: as promised by the caller.
        unsafe { (self.fi_freeinfo)(info) }
    }

    /// `fi_fabric`.
    ///
    /// # Safety
    /// `attr` belongs to an info of this library, `fabric` is writable.
    pub unsafe fn fabric(&self, attr: *mut fi_fabric_attr, fabric: *mut *mut fid_fabric) -> c_int {
        // SAFETY: as promised by the caller.
        unsafe { (self.fi_fabric)(attr, fabric, std::ptr::null_mut()) }
    }
}

/// File that holds this address, as the loader resolved it.
fn loaded_from(address: *const c_void) -> Option<PathBuf> {
    let mut info = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: the space is writable; zero means "not found".
    if unsafe { libc::dladdr(address, info.as_mut_ptr()) } == 0 {
        return None;
    }
    // SAFETY: dladdr filled it in.
    let name = unsafe { info.assume_init() }.dli_fname;
    if name.is_null() {
        return None;
    }
    // SAFETY: not null, terminated, lives as long as the library.
    let name = unsafe { CStr::from_ptr(name) };
    Some(PathBuf::from(name.to_string_lossy().into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_pack_and_order() {
        let v = Version { major: 2, minor: 5 };
        assert_eq!(Version::from_raw(v.to_raw()), v);
        assert!(Version { major: 1, minor: 17 } < crate::API_VERSION);
        assert_eq!(v.min(crate::API_VERSION).to_string(), "1.18");
    }

    #[test]
    fn a_missing_file_is_a_typed_error() {
        let error = Library::open(Some(Path::new("/nonexistent/libfabric.so.1")))
            .expect_err("does not exist");
        assert!(matches!(error, LoadError::NotFound { ref tried } if tried.len() == 1));
        assert!(error.to_string().contains("/nonexistent/libfabric.so.1"), "{error}");
    }

    #[test]
    fn another_library_is_refused_by_its_symbols() {
        let error = Library::open(Some(Path::new("libc.so.6"))).expect_err("not libfabric");
        assert!(matches!(error, LoadError::Symbol { symbol: "fi_version", .. }), "{error}");
    }
}
