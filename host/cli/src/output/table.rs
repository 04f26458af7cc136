//! Aligned columns.

use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use super::clean::{one_line, visible};

/// Between two columns.
const GAP: usize = 4;
/// In the place of what is empty.
const EMPTY: &str = "n/a";

/// Columns below their names, which are underlined.
pub(crate) fn table(names: &[&str], rows: &[Vec<String>]) -> String {
    let underlined = names.iter().map(|name| "-".repeat(name.len())).collect();
    let head = [names.iter().map(|&name| name.to_owned()).collect(), underlined];
    columns(&[&head[..], rows].concat())
}

/// A table of objects by their names, which come first and in their order; `cells` makes what follows of each.
pub(crate) fn objects(columns: &[&str], all: &Value, cells: impl Fn(&Value) -> Vec<String>) -> String {
    let row = |(name, one): (&String, &Value)| [vec![name.clone()], cells(one)].concat();
    let mut rows: Vec<Vec<String>> = all.as_object().into_iter().flatten().map(row).collect();
    rows.sort_unstable();
    table(columns, &rows)
}

/// `Key` and `Value`.
pub(crate) fn pairs(rows: &[(String, String)]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|(key, value)| vec![key.clone(), value.clone()]).collect();
    table(&["Key", "Value"], &rows)
}

/// Rows without names. The last column may have lines of its own.
fn columns(rows: &[Vec<String>]) -> String {
    let cells = |row: &Vec<String>| -> Vec<String> {
        let last = row.len().saturating_sub(1);
        let clean = |(at, cell): (usize, &String)| match cell.as_str() {
            "" => EMPTY.to_owned(),
            text if at == last => visible(text).trim_end_matches('\n').to_owned(),
            text => one_line(text),
        };
        row.iter().enumerate().map(clean).collect()
    };
    let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width =
        |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.width()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..count.saturating_sub(1)).map(width).collect();
    let line = |row: &Vec<String>| {
        let mut line = String::new();
        for (at, cell) in row.iter().enumerate() {
            line.push_str(cell);
            if at + 1 < row.len() {
                let missing = widths.get(at).copied().unwrap_or_default().saturating_sub(cell.width());
                line.push_str(&" ".repeat(missing + GAP));
            }
        }
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// `== Text ==`, as wide as the table below it.
pub(crate) fn heading(text: &str, fields: &Value) -> String {
    const VALUE: usize = GAP + "Value".len();
    let keys = fields.as_object().into_iter().flatten();
    let widest = keys.map(|(key, _)| key.len()).max().unwrap_or_default() + VALUE;
    centred(text, widest)
}

/// `== Text ==`, so wide.
pub(crate) fn centred(text: &str, width: usize) -> String {
    let signs = match width.saturating_sub(text.len() + 2) {
        0 => 4,
        signs => signs + signs % 2,
    };
    let side = "=".repeat(signs / 2);
    format!("{side} {text} {side}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_aligned_and_what_is_empty_says_so() {
        let shown = table(
            &["Path", "Type", "Description"],
            &[vec!["kv/".into(), "kv".into(), String::new()], vec!["ключ/".into(), "pki".into(), "two\nlines".into()]],
        );
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], "Path     Type    Description");
        assert_eq!(lines[1], "----     ----    -----------");
        assert_eq!(lines[2], "kv/      kv      n/a");
        assert_eq!(lines[3], "ключ/    pki     two");
        assert_eq!(lines[4], "lines");
    }

    #[test]
    fn what_a_server_says_cannot_move_the_cursor() {
        let shown = pairs(&[("a\x1b[2J".into(), "b\x1b]0;x\x07".into())]);
        assert!(!shown.contains('\x1b') && !shown.contains('\x07'), "{shown}");
    }

    #[test]
    fn headings_are_as_wide_as_their_tables() {
        assert_eq!(heading("Data", &json!({"a": 1})), "== Data ==");
        assert_eq!(heading("Metadata", &json!({"custom_metadata": 1})), "======= Metadata =======");
        assert_eq!(centred("Secret Path", "secret/data/creds".len()), "== Secret Path ==");
    }
}
