//! Links between pages of the project lead to files and headings that exist.

use crate::source::{Finding, Source, has_extension};

/// Every relative link of a Markdown page that leads nowhere.
pub(crate) fn check(sources: &[Source]) -> Vec<Finding> {
    let pages = sources.iter().filter(|source| has_extension(&source.path, "md"));
    pages.flat_map(|page| broken(page, sources)).collect()
}

fn broken(page: &Source, sources: &[Source]) -> Vec<Finding> {
    let links = page.text.match_indices("](").filter_map(|(at, mark)| {
        let (link, _) = page.text[at + mark.len()..].split_once(')')?;
        (!link.contains("://")).then_some((at, link))
    });
    let judge = |(at, link): (usize, &str)| {
        let (path, heading) = link.split_once('#').map_or((link, None), |(path, heading)| (path, Some(heading)));
        let target = if path.is_empty() { page.path.clone() } else { resolve(&page.path, path) };
        let is_folder =
            sources.iter().any(|source| source.path.starts_with(&format!("{}/", target.trim_end_matches('/'))));
        let Some(source) = sources.iter().find(|source| source.path == target) else {
            // A picture is not among the sources.
            return (!is_folder && !has_extension(&target, "svg") && !has_extension(&target, "png"))
                .then(|| page.finding(at, format!("`{link}` leads nowhere")));
        };
        let is_there = heading.is_none_or(|heading| headings(&source.text).any(|found| found == heading));
        (!is_there).then(|| page.finding(at, format!("`{link}`: {target} has no such heading")))
    };
    links.filter_map(judge).collect()
}

/// Where a link of `page` leads, from the root of the project.
fn resolve(page: &str, link: &str) -> String {
    let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// The headings of a page as they are linked to: in lower case, spaces as hyphens, without punctuation.
fn headings(text: &str) -> impl Iterator<Item = String> + '_ {
    text.lines().filter(|line| line.starts_with('#')).map(|line| {
        let kept = line.trim_start_matches('#').trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}

#[cfg(test)]
#[path = "links/tests.rs"]
mod tests;
