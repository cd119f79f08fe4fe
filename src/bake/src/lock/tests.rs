use super::*;
use crate::cloud::Cloud;
use crate::content::Content;
use crate::testing::{BASE, Checkout, Fake, Told, base_image};
use std::collections::BTreeSet;
use std::fs;
use std::sync::Mutex;

/// What is at each URL; every look is counted.
#[derive(Default)]
struct Web {
    content: Mutex<BTreeMap<String, Vec<u8>>>,
    looks: Mutex<Vec<String>>,
}

#[async_trait::async_trait]
impl Measure for Web {
    async fn measure(&self, url: &str) -> Result<(u64, Sum)> {
        self.looks.lock().unwrap().push(url.to_owned());
        let content = self.content.lock().unwrap();
        let bytes = content
            .get(url)
            .ok_or_else(|| BakeError::Download { url: url.to_owned(), why: "404".to_owned() })?;
        Ok((bytes.len() as u64, Sum::of(bytes)))
    }
}

const DOWNLOAD: &str = "[inputs.version]\ndescription = \"v\"\ndefault = \"1.0\"\n\
    [[downloads]]\nname = \"a.tar\"\nversion = \"{version}\"\nurl = \"https://x.com/a-{version}.tar\"\n";

struct Bench {
    checkout: Checkout,
    fake: Fake,
    cloud: Cloud,
    web: Web,
    told: Told,
}

impl Bench {
    fn new() -> Self {
        let checkout = Checkout::new();
        let path = checkout.path("image/nixl-noded/component.toml");
        let spec = fs::read_to_string(&path).unwrap();
        fs::write(path, spec + DOWNLOAD).unwrap();
        let fake = Fake::default();
        fake.world().images.push(base_image());
        let web = Web::default();
        for version in ["1.0", "2.0"] {
            let url = format!("https://x.com/a-{version}.tar");
            web.content.lock().unwrap().insert(url, version.into());
        }
        Self { checkout, cloud: fake.cloud(), fake, web, told: Told::default() }
    }

    fn content(&self) -> Content {
        self.checkout.load().unwrap()
    }

    async fn make(&self, old: &Lock, update: bool) -> Result<Lock> {
        let (content, daemon) = (self.content(), self.checkout.daemon());
        let wants = Wants { content: &content, daemon: Some(&daemon), update };
        make(old, wants, &self.cloud, &self.web, &self.told).await
    }

    fn pins(&self, lock: &Lock) -> std::result::Result<Pins, Vec<String>> {
        Pins::new(lock, &self.content(), &self.checkout.daemon(), &self.cloud.region)
    }

    fn recipe(&self, more: &str) {
        let path = self.checkout.path("image/recipe.toml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text + more).unwrap();
    }
}

#[tokio::test]
async fn what_is_made_agrees_and_comes_back_from_its_file() {
    let bench = Bench::new();
    let lock = bench.make(&Lock::default(), false).await.unwrap();
    let pins = bench.pins(&lock).unwrap();
    assert_eq!(pins.base_ami, BASE);
    assert_eq!(pins.base_identity, "136693071363/debian-12");
    let key = ("nixl-noded".to_owned(), "a.tar".to_owned());
    assert_eq!(pins.downloads[&key], Pin { size_bytes: 3, sha256: Sum::of(b"1.0") });

    let path = Lock::path(&bench.checkout.path("image/recipe.toml"), None);
    assert!(path.ends_with("image/recipe.lock"));
    assert_eq!(Lock::read(&path).unwrap(), None);
    lock.write(&path).unwrap();
    assert_eq!(Lock::read(&path).unwrap(), Some(lock.clone()));
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace(&Sum::of(b"1.0").hex(), "abc")).unwrap();
    let told = Lock::read(&path).unwrap_err().to_string();
    assert!(told.contains("recipe.lock:") && told.contains("no SHA-256"), "{told}");
    fs::write(&path, text.replace("form = 1", "form = 2")).unwrap();
    assert!(Lock::read(&path).unwrap_err().to_string().contains("form 2 is not known"));
}

#[tokio::test]
async fn what_is_pinned_is_not_looked_at_again_unless_asked() {
    let bench = Bench::new();
    let lock = bench.make(&Lock::default(), false).await.unwrap();
    bench.fake.world().calls.clear();
    bench.web.looks.lock().unwrap().clear();
    let again = bench.make(&lock, false).await.unwrap();
    assert!(again == lock && diff(&lock, &again).is_empty());
    assert!(bench.fake.world().calls.is_empty() && bench.web.looks.lock().unwrap().is_empty());

    // Both move elsewhere: only `--update` sees it.
    bench.fake.world().images[0].name = "debian-12-later".into();
    bench.web.content.lock().unwrap().insert("https://x.com/a-1.0.tar".into(), b"other".to_vec());
    assert_eq!(bench.make(&lock, false).await.unwrap(), lock);
    let moved = bench.make(&lock, true).await.unwrap();
    let what: Vec<String> = diff(&lock, &moved).into_iter().map(|one| one.what).collect();
    assert_eq!(what, ["base debian-12 x86_64", "download nixl-noded/a.tar"]);
    assert!(bench.told.all().contains("is not what it was, though its address is the same"));
}

#[tokio::test]
async fn every_disagreement_is_told_and_mended_by_making_it_again() {
    let bench = Bench::new();
    let lock = bench.make(&Lock::default(), false).await.unwrap();
    let told = |lock: &Lock| bench.pins(lock).unwrap_err().join("\n");
    assert!(told(&Lock::default()).contains("base debian-12 x86_64 is not pinned"));

    bench.recipe("[inputs.nixl-noded]\nversion = \"2.0\"\n");
    fs::write(bench.checkout.path("nixl-noded"), "rebuilt").unwrap();
    let all = told(&lock);
    assert!(
        all.contains("1.0 from https://x.com/a-1.0.tar is pinned, the recipe says 2.0"),
        "{all}"
    );
    assert!(all.contains("daemon") && all.contains("is given"), "{all}");
    let made = bench.make(&lock, false).await.unwrap();
    bench.pins(&made).unwrap();
    assert_eq!(diff(&lock, &made).len(), 2);

    let mut stale = made.clone();
    stale.downloads.push(DownloadPin { name: "b.tar".to_owned(), ..made.downloads[0].clone() });
    assert!(told(&stale).contains("nixl-noded/b.tar is pinned and not in the recipe"));
    assert_eq!(bench.make(&stale, false).await.unwrap(), made);
}

#[tokio::test]
async fn another_region_gets_the_same_release() {
    let bench = Bench::new();
    let mut lock = bench.make(&Lock::default(), false).await.unwrap();
    let pin = lock.base.as_mut().unwrap();
    let ami = pin.amis.remove("eu-west-1").unwrap();
    pin.amis.insert("us-west-2".to_owned(), "ami-there".to_owned());
    assert!(bench.pins(&lock).unwrap_err()[0].contains("not pinned in eu-west-1"));
    bench.fake.world().calls.clear();
    let made = bench.make(&lock, false).await.unwrap();
    assert_eq!(bench.fake.world().calls, ["by_name"], "by its name, not by what is newest");
    let regions: BTreeSet<_> = made.base.as_ref().unwrap().amis.keys().cloned().collect();
    assert_eq!(regions, ["eu-west-1", "us-west-2"].map(str::to_owned).into());
    assert_eq!(made.base.unwrap().amis["eu-west-1"], ami);
    bench.fake.world().images.clear();
    let error = bench.make(&lock, false).await.unwrap_err();
    assert!(matches!(error, BakeError::NotPublished { .. }), "{error}");
}

#[tokio::test]
async fn the_base_must_exist_and_fit() {
    let bench = Bench::new();
    bench.fake.world().images[0].architecture = "arm64".into();
    let error = bench.make(&Lock::default(), false).await.unwrap_err();
    assert!(matches!(error, BakeError::WrongArchitecture { .. }), "{error}");
    bench.fake.world().images.clear();
    let error = bench.make(&Lock::default(), false).await.unwrap_err();
    assert!(matches!(error, BakeError::NoBase { .. }), "{error}");
}

#[tokio::test]
async fn curl_measures_what_is_served() {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/a", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for status in ["200 OK", "404 Not Found"] {
            let mut stream = listener.accept().unwrap().0;
            let _ = stream.read(&mut [0; 4096]);
            let head =
                format!("HTTP/1.1 {status}\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc");
            let _ = stream.write_all(head.as_bytes());
        }
    });
    assert_eq!(Curl.measure(&url).await.unwrap(), (3, Sum::of(b"abc")));
    let told = Curl.measure(&url).await.unwrap_err().to_string();
    assert!(told.contains(&url) && told.contains("404"), "{told}");
}

#[test]
fn recipes_of_two_folders_keep_a_lock_each_in_one_folder() {
    let checkout = Checkout::new();
    let (recipe, twin) = (checkout.path("image/recipe.toml"), checkout.path("twin/recipe.toml"));
    checkout.write("twin/recipe.toml", "");
    let folder = checkout.path("locks");
    let path = |recipe: &Path| Lock::path(recipe, Some(&folder));
    assert_ne!(path(&recipe), path(&twin));
    assert_eq!(path(&recipe), path(&checkout.path("twin/../image/recipe.toml")));
    assert!(path(&recipe).file_name().unwrap().to_str().unwrap().starts_with("recipe-"));
    assert_eq!(Lock::path(&recipe, None), checkout.path("image/recipe.lock"));
}
