//! Compares the micro-benchmarks with their recorded baseline.
//!
//! Criterion (`cargo bench`) measures them and writes its estimates as JSON; this module only
//! compares.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::arguments::Micro;
use crate::place::Place;
use crate::report::aligned;
use crate::spread::figure;
use crate::{Result, machine};

/// The file of the recorded baseline.
const BASELINE: &str = "benches/baseline.json";
/// From this ratio on a benchmark is called slower: medians of a quiet machine differ by less.
const SLOWER_FROM: f64 = 1.25;

/// Compares the measurements with the baseline, or records them as the baseline.
pub fn run(options: &Micro) -> Result<()> {
    let place = Place::here()?;
    let measured = measured(&Place::criterion())?;
    if measured.is_empty() {
        return Err("there are no measurements; ./bench --micro makes them".into());
    }
    if options.record {
        let baseline = json!({ "machine": machine::facts(), "nanoseconds": measured });
        fs::write(place.path(BASELINE), format!("{baseline:#}\n"))?;
        println!("recorded {} micro-benchmarks as the baseline in {BASELINE}", measured.len());
        return Ok(());
    }
    let baseline: Value = serde_json::from_str(&fs::read_to_string(place.path(BASELINE))?)?;
    let slower = compare(&baseline["nanoseconds"], &measured);
    if baseline["machine"] != machine::facts() {
        println!(
            "the baseline was recorded on another machine ({}); only ratios between rows say anything",
            baseline["machine"]
        );
        return Ok(());
    }
    if slower.is_empty() {
        Ok(())
    } else {
        Err(format!("slower than the baseline: {}", slower.join(", ")).into())
    }
}

/// Prints both figures of each benchmark, and returns which benchmarks are slower.
fn compare(baseline: &Value, measured: &BTreeMap<String, f64>) -> Vec<String> {
    let mut slower = Vec::new();
    let mut lines =
        vec![["what", "baseline, ns", "now, ns", "now / baseline"].map(ToString::to_string)];
    for (name, now) in measured {
        let before = baseline[name].as_f64();
        let ratio = before.map(|before| now / before);
        if ratio.is_some_and(|ratio| ratio >= SLOWER_FROM) {
            slower.push(name.clone());
        }
        lines.push([
            name.clone(),
            before.map_or("-".into(), figure),
            figure(*now),
            ratio.map_or("new".into(), figure),
        ]);
    }
    print!("{}", aligned(&lines));
    slower
}

/// The median of each benchmark in nanoseconds, from criterion's files.
fn measured(folder: &Path) -> Result<BTreeMap<String, f64>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))? {
        let entry = entry?;
        let Ok(text) = fs::read_to_string(entry.path().join("new/estimates.json")) else {
            continue;
        };
        let estimates: Value = serde_json::from_str(&text)?;
        if let Some(median) = estimates["median"]["point_estimate"].as_f64() {
            found.insert(entry.file_name().to_string_lossy().into_owned(), median.round());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::compare;

    #[test]
    fn what_takes_a_quarter_longer_is_called_slower() {
        let measured =
            BTreeMap::from([("same".into(), 110.0), ("slow".into(), 130.0), ("new".into(), 1.0)]);
        assert_eq!(
            compare(&json!({ "same": 100.0, "slow": 100.0, "gone": 1.0 }), &measured),
            ["slow"]
        );
    }
}
