//! `policy fmt`: indentation, one space around `=`, comments as they are.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hcl_edit::structure::Body;
use hcl_edit::{Decorate, RawString};

use crate::{Error, input, part};

/// One step of indentation.
const STEP: &str = "  ";

/// Lays out a file in place.
pub(super) fn file(path: &Path) -> Result<(), Error> {
    let text = input::text_file(path)?;
    let laid_out = text_of(&text).map_err(|error| Error::Usage(format!("{}: {error}", path.display())))?;
    if laid_out != text {
        let failed = |error| Error::File { path: path.to_owned(), error };
        let mode = std::fs::metadata(path).map_err(failed)?.permissions().mode();
        part::save(path, true, mode, laid_out.as_bytes())?;
    }
    Ok(())
}

fn text_of(text: &str) -> Result<String, String> {
    let mut body: Body = text.parse().map_err(|error: hcl_edit::parser::Error| {
        let (line, column) = (error.location().line(), error.location().column());
        format!("no HCL at line {line}, column {column}: {}", error.message())
    })?;
    lay_out(&mut body, 0);
    let laid_out = body.to_string();
    let lines: Vec<&str> = laid_out.lines().map(str::trim_end).collect();
    Ok(format!("{}\n", lines.join("\n").trim_matches('\n')))
}

fn lay_out(body: &mut Body, depth: usize) {
    for structure in body.iter_mut() {
        match structure {
            mut any if any.is_attribute() => {
                let Some(mut attribute) = any.as_attribute_mut() else { continue };
                attribute.key_decor_mut().set_suffix(" ");
                let after = trailing(attribute.get().value.decor().suffix());
                let value = attribute.value_mut().decor_mut();
                value.set_prefix(" ");
                value.set_suffix(after);
                let after = trailing(attribute.decor().suffix());
                attribute.decor_mut().set_suffix(after);
                let prefix = indented(attribute.decor().prefix(), depth);
                attribute.decor_mut().set_prefix(prefix);
            }
            mut any => {
                let Some(block) = any.as_block_mut() else { continue };
                let prefix = indented(block.decor().prefix(), depth);
                block.decor_mut().set_prefix(prefix);
                let after = trailing(block.decor().suffix());
                block.decor_mut().set_suffix(after);
                block.ident.decor_mut().set_suffix(" ");
                block.labels.iter_mut().for_each(|label| label.decor_mut().set_suffix(" "));
                // What is on one line with its braces gets one of its own.
                block.body.set_prefer_oneline(block.body.is_empty());
                lay_out(&mut block.body, depth + 1);
            }
        }
    }
    let suffix = indented(body.decor().suffix(), depth.saturating_sub(1));
    body.decor_mut().set_suffix(suffix);
}

/// The comment after something on its line, one space away.
fn trailing(after: Option<&RawString>) -> String {
    let comment = after.map(|raw| -> &str { raw }).unwrap_or_default().trim();
    if comment.is_empty() { String::new() } else { format!(" {comment}") }
}

/// The comments before something, each on a line of its own, and never more than one empty line.
fn indented(before: Option<&RawString>, depth: usize) -> String {
    let indent = STEP.repeat(depth);
    let mut text = String::new();
    let mut lines: Vec<&str> = before.map(|raw| -> &str { raw }).unwrap_or_default().split('\n').collect();
    lines.pop();
    let mut empty = false;
    for line in lines.into_iter().map(str::trim) {
        match line {
            "" if empty => {}
            "" => text.push('\n'),
            line => text.push_str(&format!("{indent}{line}\n")),
        }
        empty = line.is_empty();
    }
    text.push_str(&indent);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const WILD: &str = "# of the app\n\n\n\npath   \"secret/app\"{\n# why\n   capabilities=[\"read\",\"list\"]  # both\n\n\n\
                        allowed_parameters = {\n    \"*\" = []\n  }\n      }\n path \"b\" {\n capabilities   = [\"deny\"]\n}\n";
    const TAME: &str = "# of the app\n\npath \"secret/app\" {\n  # why\n  capabilities = [\"read\",\"list\"] # both\n\n  \
                        allowed_parameters = {\n    \"*\" = []\n  }\n}\npath \"b\" {\n  capabilities = [\"deny\"]\n}\n";

    #[test]
    fn indentation_and_signs_are_laid_out_and_comments_stay() {
        assert_eq!(text_of(WILD).unwrap(), TAME);
        assert_eq!(text_of(TAME).unwrap(), TAME, "what is laid out stays");
    }

    #[test]
    fn a_block_on_one_line_becomes_three() {
        let tame = "path \"x/*\" {\n  capabilities = [\"read\"]\n}\npath \"y\" {}\n";
        for wild in ["path \"x/*\" {capabilities=[\"read\"]}\npath \"y\" {}\n", tame] {
            assert_eq!(text_of(wild).unwrap(), tame);
        }
    }

    #[test]
    fn what_is_no_policy_is_told_with_its_place() {
        let error = text_of("path \"a\" {\n  capabilities = [\n").unwrap_err();
        assert!(error.contains("line 2"), "{error}");
    }
}
