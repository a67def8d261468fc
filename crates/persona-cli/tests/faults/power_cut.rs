//! 5: the power goes. Every write and sync of a server is recorded. From the record come the files
//! that a disk could hold after a cut at each sync, with any part of the unsynced writes, whole or
//! torn.
//!
//! With `full` nothing acknowledged is lost. With `normal` only the last moments are, and no file
//! is ever corrupt.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::json;

use crate::common::personas::{create, patch};
use crate::common::report::{Form, report};
use crate::common::{Client, DEADLINE, signal, wait_for};
use crate::ledger::try_read_whole;
use crate::strace::{is_there, traced};

const TARGET: &str = "at least 100,000 images, 0 lost (full), 0 corrupt (both)";

/// The units that a disk writes as a whole: sectors of old and of new disks, in bytes.
const TEARS: [usize; 2] = [512, 4096];

/// A recorded action of a process.
#[derive(Clone, Debug)]
enum Deed {
    Write {
        file: String,
        at: usize,
        bytes: Vec<u8>,
    },
    Cut {
        file: String,
        to: usize,
    },
    Sync {
        file: String,
    },
    Remove {
        file: String,
    },
    /// An answer with a persona was sent to the client.
    Acknowledge,
}

/// Random numbers from a seed, so that a failure can be repeated (xorshift64*; Vigna, 2016).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).expect("31 bits") % sides
    }
}

/// Runs a server below `strace`, adds keys one after the other, and returns the recorded actions.
fn record(durability: &str, keys: usize) -> Vec<Deed> {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("trace");
    let calls = "trace=pwrite64,fsync,fdatasync,ftruncate,unlink,sendto,writev";
    let options = ["-y", "-xx", "-s", "100000", "-o", &trace.display().to_string(), "-e", calls]
        .map(str::to_owned);
    let arguments = [
        "serve",
        "--database",
        "persona.db",
        "--port",
        "0",
        "--workers",
        "1",
        "--durability",
        durability,
        "--wal-autocheckpoint",
        "20",
    ];
    let (out, into) = std::io::pipe().expect("a pipe");
    let mut command = traced(folder.path(), &options, &arguments.map(str::to_owned));
    let mut child = command.stdout(into).stderr(Stdio::null()).spawn().expect("strace");
    // Otherwise this process would keep the command's end of the pipe open.
    drop(command);
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line)
        .expect("the first line");
    let address = line
        .trim()
        .strip_prefix("listening on http://")
        .and_then(|text| text.parse().ok())
        .expect("an address");
    let mut client = Client::connect(address).expect("a connection");
    let path = create(&mut client, "survivor");
    for key in 0..keys {
        let reply = patch(&mut client, &path, &json!({ "extensions": { key.to_string(): 1 } }))
            .expect("an answer");
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    let children =
        fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).expect("it lives");
    let supervisor = children
        .split_whitespace()
        .next()
        .and_then(|pid| pid.parse().ok())
        .expect("a child of strace");
    assert!(signal(supervisor, Signal::TERM));
    wait_for("the end of the server", DEADLINE, || child.try_wait().expect("a child"));
    deeds_in(&fs::read_to_string(&trace).expect("a record"), folder.path())
}

fn deeds_in(trace: &str, folder: &Path) -> Vec<Deed> {
    let folder = format!("{}/", folder.display());
    let mut deeds = Vec::new();
    // A sync counts when it returns; if another thread came between, the return is on a line of its
    // own.
    let mut unfinished = BTreeMap::<&str, String>::new();
    for line in trace.lines() {
        let Some((thread, rest)) =
            line.split_once(' ').map(|(thread, rest)| (thread, rest.trim_start()))
        else {
            continue;
        };
        if rest.starts_with("<... f") && rest.contains("sync resumed>") {
            deeds.extend(unfinished.remove(thread).map(|file| Deed::Sync { file }));
            continue;
        }
        let Some((call, arguments)) = rest.split_once('(') else { continue };
        let place = arguments
            .split_once('<')
            .and_then(|(_, rest)| rest.split_once('>'))
            .map_or("", |(place, _)| place);
        let file = unescaped_text(place).strip_prefix(&folder).unwrap_or_default().to_owned();
        let data = arguments
            .split_once('"')
            .and_then(|(_, rest)| rest.split_once('"'))
            .map(|(data, rest)| (unescaped(data), rest));
        match call {
            "sendto" | "writev" => {
                let sent = data.is_some_and(|(data, _)| {
                    data.starts_with(b"HTTP/1.1 200") || data.starts_with(b"HTTP/1.1 201")
                });
                deeds.extend(sent.then_some(Deed::Acknowledge));
            }
            "unlink" => {
                let name = data
                    .map(|(data, _)| String::from_utf8_lossy(&data).into_owned())
                    .unwrap_or_default();
                let file = name.rsplit('/').next().unwrap_or_default().to_owned();
                deeds.push(Deed::Remove { file });
            }
            _ if file.is_empty() || file.ends_with("-shm") => {}
            "pwrite64" => {
                let (bytes, rest) = data.expect("the bytes of a write");
                let at = rest
                    .split(',')
                    .nth(2)
                    .and_then(|text| text.trim().split([')', ' ']).next()?.parse().ok())
                    .expect("where it is written");
                deeds.push(Deed::Write { file, at, bytes });
            }
            "ftruncate" => {
                let to = arguments
                    .rsplit_once(", ")
                    .and_then(|(_, rest)| rest.split([')', ' ']).next()?.parse().ok())
                    .expect("a size");
                deeds.push(Deed::Cut { file, to });
            }
            _ if rest.contains("<unfinished") => {
                unfinished.insert(thread, file);
            }
            _ => deeds.push(Deed::Sync { file }),
        }
    }
    deeds
}

/// Turns `\x41\x42` into bytes.
fn unescaped(text: &str) -> Vec<u8> {
    text.split("\\x")
        .skip(1)
        .filter_map(|digits| u8::from_str_radix(digits.get(..2)?, 16).ok())
        .collect()
}

fn unescaped_text(text: &str) -> String {
    if text.contains("\\x") {
        String::from_utf8_lossy(&unescaped(text)).into_owned()
    } else {
        text.to_owned()
    }
}

/// The files as bytes, and the writes that may or may not have reached them.
#[derive(Clone, Default)]
struct Disk {
    synced: BTreeMap<String, Vec<u8>>,
    pending: Vec<Deed>,
    acknowledged: usize,
}

fn apply(files: &mut BTreeMap<String, Vec<u8>>, deed: &Deed) {
    match deed {
        Deed::Write { file, at, bytes } => {
            let content = files.entry(file.clone()).or_default();
            content.resize(content.len().max(at + bytes.len()), 0);
            content[*at..at + bytes.len()].copy_from_slice(bytes);
        }
        Deed::Cut { file, to } => files.entry(file.clone()).or_default().resize(*to, 0),
        Deed::Remove { file } => {
            files.remove(file);
        }
        Deed::Sync { .. } | Deed::Acknowledge => {}
    }
}

impl Disk {
    fn take(&mut self, deed: &Deed) {
        match deed {
            Deed::Acknowledge => self.acknowledged += 1,
            Deed::Sync { file: synced } => {
                let of_it = |deed: &Deed| matches!(deed, Deed::Write { file, .. } | Deed::Cut { file, .. } if file == synced);
                let (reached, pending) =
                    std::mem::take(&mut self.pending).into_iter().partition::<Vec<_>, _>(of_it);
                for deed in &reached {
                    apply(&mut self.synced, deed);
                }
                self.pending = pending;
            }
            // The removal of a name is taken as kept at once; images from before it cover the other
            // order.
            Deed::Remove { file: removed } => {
                self.pending.retain(|deed| !matches!(deed, Deed::Write { file, .. } | Deed::Cut { file, .. } if file == removed));
                apply(&mut self.synced, deed);
            }
            deed => self.pending.push(deed.clone()),
        }
    }

    /// The files on the disk when so many of a hundred pending writes reached it, torn at sectors
    /// of this size.
    fn image(&self, dice: &mut Dice, percent: usize, tear: usize) -> BTreeMap<String, Vec<u8>> {
        let mut files = self.synced.clone();
        for deed in &self.pending {
            match deed {
                Deed::Write { file, at, bytes } => {
                    let mut done = 0;
                    // Sectors begin at multiples of their size in the file.
                    while done < bytes.len() {
                        let length = (tear - (at + done) % tear).min(bytes.len() - done);
                        if dice.roll(100) < percent {
                            let part = Deed::Write {
                                file: file.clone(),
                                at: at + done,
                                bytes: bytes[done..done + length].to_vec(),
                            };
                            apply(&mut files, &part);
                        }
                        done += length;
                    }
                }
                deed if dice.roll(100) < percent => apply(&mut files, deed),
                _ => {}
            }
        }
        files
    }
}

/// Opens an image and returns the number of keys in it.
fn keys_in(image: &BTreeMap<String, Vec<u8>>) -> Result<usize, String> {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in image {
        fs::write(folder.path().join(name), bytes).expect("a file");
    }
    if image.get("persona.db").is_none_or(Vec::is_empty) {
        return Ok(0);
    }
    let ledger = try_read_whole(&folder.path().join("persona.db"))?;
    Ok(ledger
        .personas
        .get("survivor")
        .map_or(0, |(revision, _)| usize::try_from(*revision).expect("a small number")))
}

fn power_goes(durability: &str, form: Form) -> serde_json::Value {
    let deeds = record(durability, form.pick(12, 720));
    let subsets = form.pick(3, 40);
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (mut disk, mut images, mut most_lost, mut syncs) = (Disk::default(), 0, 0, 0);
    for deed in &deeds {
        if matches!(deed, Deed::Sync { .. } | Deed::Acknowledge) {
            syncs += usize::from(matches!(deed, Deed::Sync { .. }));
            let extremes = [(0, TEARS[1]), (100, TEARS[1])];
            let random = (0..subsets).map(|index| ([20, 50, 80][index % 3], TEARS[index % 2]));
            for (percent, tear) in extremes.into_iter().chain(random) {
                let image = disk.image(&mut dice, percent, tear);
                let found = keys_in(&image)
                    .unwrap_or_else(|fault| panic!("{durability}: corrupt after {images} images, {percent} %, {tear} B: {fault}"));
                images += 1;
                let lost = disk.acknowledged.saturating_sub(found);
                assert!(
                    durability == "normal" || lost == 0,
                    "{durability}: lost {lost} of {} at {percent} %, {tear} B",
                    disk.acknowledged
                );
                most_lost = most_lost.max(lost);
            }
        }
        disk.take(deed);
    }
    // Without a cut everything is there: the record is complete.
    assert_eq!(
        keys_in(&disk.image(&mut dice, 100, TEARS[1])),
        Ok(disk.acknowledged),
        "{durability}"
    );
    json!({ "durability": durability, "syncs": syncs, "images": images, "corrupt": 0, "most_lost": most_lost })
}

fn every_power_cut(form: Form) {
    if !is_there("every_power_cut") {
        return;
    }
    let figures = [power_goes("full", form), power_goes("normal", form)];
    report(5, "every_power_cut", form, TARGET, &json!(figures));
}

#[test]
fn no_power_cut_corrupts_the_file_and_with_full_durability_none_loses_anything_acknowledged() {
    every_power_cut(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn no_power_cut_corrupts_the_file_and_with_full_durability_none_loses_anything_acknowledged_long() {
    every_power_cut(Form::Long);
}
