//! A component with the content of all it names.

use super::{read, read_text};
use crate::document::{FACTS, check_script, prelude};
use crate::error::BakeError;
use crate::hash::Sum;
use crate::lock::Pins;
use crate::recipe::{
    Architecture, ComponentSpec, DownloadSpec, FileSource, InputName, Name, Platform, Recipe,
    Source, Text, expand, facts, fault,
};
use crate::tar;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// A component.
#[derive(Debug, Clone)]
pub struct Component {
    /// Folder, relative to the recipe.
    pub folder: Name,
    /// Its `component.toml`.
    pub spec: ComponentSpec,
    pub(super) spec_bytes: Vec<u8>,
    /// `install.sh`.
    pub install: String,
    /// `validate.sh`.
    pub validate: String,
    /// `test.sh`, if there is one: runs on an instance of the image.
    pub test: Option<String>,
    /// Files for the build machine.
    pub files: Vec<File>,
    /// What it downloads.
    pub downloads: Vec<Download>,
    /// Inputs with their values.
    pub inputs: BTreeMap<InputName, Text>,
    /// Image it is for.
    pub platform: Platform,
    /// Kind of machine it is for.
    pub architecture: Architecture,
}

/// A file for the build machine.
#[derive(Debug, Clone)]
pub struct File {
    /// Name there.
    pub name: String,
    /// Content.
    pub bytes: Arc<Vec<u8>>,
    /// Its SHA-256.
    pub sum: Sum,
}

/// Something to download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// Name in `$NIXL_FILES`.
    pub name: String,
    /// Version.
    pub version: String,
    /// Where it is.
    pub url: String,
}

impl Component {
    /// Reads the component of `folder`; what is wrong with it goes to `problems`.
    pub(super) fn load(
        beside: &Path,
        folder: &Name,
        (recipe, recipe_source): (&Recipe, Source<'_>),
        noded: &Arc<Vec<u8>>,
        problems: &mut Vec<BakeError>,
    ) -> Option<Self> {
        let path = beside.join(folder.as_str());
        let mut keep = |error: BakeError| problems.push(error);
        let spec_path = path.join("component.toml");
        let text = read_text(&spec_path).map_err(&mut keep).ok()?;
        let source = Source { path: &spec_path, text: &text };
        let spec: ComponentSpec = source.parse().map_err(&mut keep).ok()?;
        let inputs = inputs(folder, &spec, recipe, recipe_source, &mut keep);
        let mut files = Vec::new();
        for file in &spec.files {
            let bytes = match &file.source {
                FileSource::Noded => Ok(noded.clone()),
                FileSource::Path(from) => read(&path.join(from)).map(Arc::new),
                FileSource::Tree(tree) => tar::pack(&path.join(tree)).map(Arc::new),
            };
            match bytes {
                Ok(bytes) => {
                    let sum = Sum::of(&bytes);
                    files.push(File { name: file.name.clone(), bytes, sum });
                }
                Err(error) => keep(error),
            }
        }
        let mut script = |name: &str| {
            let path = path.join(name);
            let text = read_text(&path).map_err(&mut keep).ok()?;
            check_script(Source { path: &path, text: &text }, &spec, &mut keep);
            Some(text)
        };
        let (install, validate) = (script("install.sh"), script("validate.sh"));
        let test = path.join("test.sh").exists().then(|| script("test.sh"));
        let (install, validate, test) = (install?, validate?, test.flatten());
        let downloads = downloads(&spec, source, &inputs, recipe, &mut keep);
        for name in spec.inputs.keys() {
            let (variable, braces) = (name.variable(), format!("{{{name}}}"));
            let in_download = |one: &DownloadSpec| {
                one.url.get_ref().as_str().contains(&braces)
                    || one.version.get_ref().as_str().contains(&braces)
            };
            if !install.contains(&variable)
                && !validate.contains(&variable)
                && !test.as_ref().is_some_and(|test| test.contains(&variable))
                && !spec.downloads.iter().any(in_download)
            {
                keep(source.at(0, format!("nothing uses input {name} (${variable})")));
            }
        }
        Some(Self {
            folder: folder.clone(),
            spec,
            spec_bytes: text.into_bytes(),
            install,
            validate,
            test,
            files,
            downloads,
            inputs,
            platform: recipe.platform,
            architecture: recipe.architecture,
        })
    }

    /// Name in Image Builder.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.spec.name
    }

    /// Whether it has files for the build machine.
    #[must_use]
    pub(crate) fn has_files(&self) -> bool {
        !self.files.is_empty() || !self.downloads.is_empty()
    }

    /// SHA-256 of the daemon, if it brings that along.
    pub(super) fn daemon_sum(&self) -> Option<Sum> {
        let named = self.spec.files.iter().find(|file| file.source == FileSource::Noded)?;
        self.files.iter().find(|file| file.name == named.name).map(|file| file.sum)
    }

    /// All of it but the daemon, which is a part of the image of its own.
    pub(super) fn sum(&self, pins: &Pins) -> Sum {
        let mut fields: Vec<Vec<u8>> = vec![
            self.spec_bytes.clone(),
            self.install.clone().into(),
            self.validate.clone().into(),
        ];
        fields.extend(self.test.iter().flat_map(|test| [b"test.sh".to_vec(), test.clone().into()]));
        fields.extend(prelude::ALL.map(Into::into));
        fields.extend(self.facts().map(|(_, value)| value.into()));
        for (file, spec) in self.files.iter().zip(&self.spec.files) {
            fields.push(file.name.clone().into());
            if spec.source != FileSource::Noded {
                fields.push(file.sum.as_bytes().to_vec());
            }
        }
        for (name, value) in &self.inputs {
            fields.extend([name.as_str().into(), value.as_str().into()]);
        }
        for ((folder, name), pin) in &pins.downloads {
            if folder == self.folder.as_str() {
                fields.extend([name.clone().into(), pin.sha256.as_bytes().to_vec()]);
            }
        }
        Sum::of_fields(fields.iter().map(Vec::as_slice))
    }

    /// What its scripts may know of the image.
    #[must_use]
    pub(crate) fn facts(&self) -> [(&'static str, &'static str); 2] {
        let [os, arch] = FACTS;
        [(os, self.platform.os.as_str()), (arch, self.architecture.as_str())]
    }

    /// Why it is not in the image of `recipe`, if it is not.
    pub(super) fn left_out(&self, recipe: &Recipe) -> Option<String> {
        if let Some(set) = &self.spec.set
            && !recipe.sets.iter().any(|wanted| wanted.get_ref() == set)
        {
            return Some(format!("set {set} is not asked for"));
        }
        self.spec.when.against(recipe.platform, recipe.architecture)
    }
}

/// Values of the component's inputs: the recipe's, else the defaults.
fn inputs(
    folder: &Name,
    spec: &ComponentSpec,
    recipe: &Recipe,
    source: Source<'_>,
    keep: &mut impl FnMut(BakeError),
) -> BTreeMap<InputName, Text> {
    let given = recipe.inputs.iter().find(|(name, _)| name.get_ref() == folder.as_str());
    let mut values = BTreeMap::new();
    for (name, value) in given.into_iter().flat_map(|(_, given)| given) {
        match spec.inputs.keys().find(|known| known.as_str() == name.get_ref()) {
            Some(known) => {
                values.insert(known.clone(), value.clone());
            }
            None => keep(source.unknown(
                name.span().start,
                &format!("component {folder} has no input"),
                name.get_ref(),
                spec.inputs.keys().map(InputName::as_str),
            )),
        }
    }
    for (name, input) in &spec.inputs {
        if values.contains_key(name) {
            continue;
        }
        match &input.default {
            Some(value) => {
                values.insert(name.clone(), value.clone());
            }
            // What is not in the image needs no value.
            None if spec.set.is_none() || given.is_some() => keep(source.at(
                recipe.components_at,
                format!(
                    "component {folder} needs input {name} ({}): add [inputs.{folder}] {name} = \"…\"",
                    input.description
                ),
            )),
            None => {}
        }
    }
    values
}

/// Downloads with their inputs filled in.
fn downloads(
    spec: &ComponentSpec,
    source: Source<'_>,
    inputs: &BTreeMap<InputName, Text>,
    recipe: &Recipe,
    keep: &mut impl FnMut(BakeError),
) -> Vec<Download> {
    let facts = facts(recipe.platform.os, recipe.architecture);
    let value = |name: &str| {
        let fact = facts.iter().find(|(known, _)| *known == name).map(|(_, is)| (*is).to_owned());
        let declared = spec.inputs.keys().find(|known| known.as_str() == name);
        // One without a value was told of already, or is not in this image.
        fact.or_else(|| declared.map(|name| inputs.get(name).map_or("", Text::as_str).to_owned()))
    };
    let mut expanded = |written: &toml::Spanned<Text>| {
        expand(written.get_ref().as_str(), value).unwrap_or_else(|name| {
            let known = facts.iter().map(|(name, _)| *name);
            let known = known.chain(spec.inputs.keys().map(InputName::as_str));
            keep(source.unknown(written.span().start, "nothing is named", name, known));
            String::new()
        })
    };
    let wanted: Vec<&DownloadSpec> = spec
        .downloads
        .iter()
        .filter(|one| one.when.against(recipe.platform, recipe.architecture).is_none())
        .collect();
    let all: Vec<Download> = wanted
        .iter()
        .map(|one| Download {
            name: one.name.clone(),
            version: expanded(&one.version),
            url: expanded(&one.url),
        })
        .collect();
    for (one, written) in all.iter().zip(wanted) {
        let has_values = spec.inputs.keys().all(|name| inputs.contains_key(name));
        if let Some(why) = fault(&one.version, &one.url).filter(|_| has_values) {
            keep(source.at(written.url.span().start, format!("download {}: {why}", one.url)));
        }
        if spec.files.iter().any(|file| file.name == one.name)
            || all.iter().filter(|other| other.name == one.name).count() > 1
        {
            keep(source.at(written.url.span().start, format!("{} is there twice", one.name)));
        }
    }
    all
}
