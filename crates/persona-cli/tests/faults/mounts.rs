//! File systems made for a test: each is mounted below a folder of its own, and unmounted when it
//! is dropped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::common::report::skip;

/// A flag for servers on a file system that is smaller than the reserve of free space.
pub const NO_RESERVE: &str = "--disk-reserve-mb=0";

/// A mounted file system.
pub struct Mount {
    point: PathBuf,
    /// The folder of the mount point, and of the image where there is one.
    _folder: TempDir,
}

impl Mount {
    /// A file system in memory of so many MiB. Where this user may not mount, says so and returns
    /// `None`.
    #[track_caller]
    pub fn tmpfs(test: &str, mebibytes: u32) -> Option<Self> {
        Self::of(test, |point, _| {
            run(
                "mount",
                &["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs", &text(point)],
            )
        })
    }

    /// A file system in memory with room for so many files and folders only.
    #[track_caller]
    pub fn few_files(test: &str, files: u32) -> Option<Self> {
        Self::of(test, |point, _| {
            run(
                "mount",
                &["-t", "tmpfs", "-o", &format!("nr_inodes={files}"), "tmpfs", &text(point)],
            )
        })
    }

    /// A file system from an ext4 image of so many MiB on a loop device.
    #[track_caller]
    pub fn ext4(test: &str, mebibytes: u32) -> Option<Self> {
        Self::image(test, "mkfs.ext4", mebibytes, "loop,errors=remount-ro")
    }

    /// A file system from an xfs image, which is never smaller than 300 MiB; little of it is
    /// written.
    #[track_caller]
    pub fn xfs(test: &str) -> Option<Self> {
        Self::image(test, "mkfs.xfs", 320, "loop")
    }

    /// A file system from a btrfs image, which is never smaller than 109 MiB.
    #[track_caller]
    pub fn btrfs(test: &str) -> Option<Self> {
        Self::image(test, "mkfs.btrfs", 128, "loop")
    }

    #[track_caller]
    fn image(test: &str, maker: &str, mebibytes: u32, options: &str) -> Option<Self> {
        Self::of(test, |point, folder| {
            let image = text(&folder.join("image"));
            run("truncate", &["-s", &format!("{mebibytes}M"), &image])?;
            run(maker, &["-q", &image])?;
            run("mount", &["-o", options, &image, &text(point)])
        })
    }

    /// A folder behind a file system in user space, as shared folders of virtual machines and
    /// clouds are.
    #[track_caller]
    pub fn fuse(test: &str) -> Option<Self> {
        Self::of(test, |point, folder| {
            let behind = folder.join("behind");
            fs::create_dir(&behind).map_err(|error| error.to_string())?;
            run("bindfs", &[&text(&behind), &text(point)])
        })
    }

    /// An overlay over an empty layer.
    #[track_caller]
    pub fn overlay(test: &str) -> Option<Self> {
        Self::of(test, |point, folder| {
            // The layers have to lie on a file system that can be a layer, which another overlay
            // cannot.
            let base = folder.join("layers");
            fs::create_dir(&base).map_err(|error| error.to_string())?;
            run("mount", &["-t", "tmpfs", "tmpfs", &text(&base)])?;
            for name in ["lower", "upper", "work"] {
                fs::create_dir(base.join(name)).map_err(|error| error.to_string())?;
            }
            let layers = ["lower", "upper", "work"]
                .map(|name| format!("{name}dir={}", text(&base.join(name))));
            let options = layers.join(",");
            let mounted = run("mount", &["-t", "overlay", "-o", &options, "overlay", &text(point)]);
            // The file system below stays as long as the overlay uses it.
            run("umount", &["-l", &text(&base)])?;
            mounted
        })
    }

    /// One file mounted over an empty file: so container engines mount a single file.
    #[track_caller]
    pub fn single_file(test: &str, file: &Path) -> Option<Self> {
        Self::of(test, |point, _| {
            fs::remove_dir(point)
                .and_then(|()| fs::write(point, ""))
                .map_err(|error| error.to_string())?;
            run("mount", &["--bind", &text(file), &text(point)])
        })
    }

    /// The mount point.
    pub fn point(&self) -> &Path {
        &self.point
    }

    #[track_caller]
    fn of(test: &str, mount: impl FnOnce(&Path, &Path) -> Result<(), String>) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let point = folder.path().join("mounted");
        fs::create_dir(&point).expect("a folder");
        match mount(&point, folder.path()) {
            Ok(()) => Some(Self { point, _folder: folder }),
            Err(why) => {
                skip(test, &why);
                None
            }
        }
    }

    /// A new folder on the file system, for a server.
    pub fn folder(&self) -> TempDir {
        tempfile::tempdir_in(&self.point).expect("a folder")
    }

    /// Makes the file system read-only; only while no process writes there.
    pub fn remount_read_only(&self) {
        run("mount", &["-o", "remount,ro", &text(&self.point)]).expect("a mounted file system");
    }

    /// Makes an ext4 file system take itself for faulty, as it does after a real fault: from then
    /// on it refuses all writes. Returns whether the kernel offers a way to ask for that.
    pub fn turn_read_only(&self) -> bool {
        let mounts = fs::read_to_string("/proc/mounts").expect("a mounted /proc");
        let point = text(&self.point);
        let device = mounts.lines().find_map(|line| {
            line.split_once(' ')
                .filter(|(_, rest)| rest.starts_with(&point))
                .map(|(device, _)| device)
        });
        let name = device.and_then(|device| device.rsplit('/').next()).expect("it is mounted");
        fs::write(format!("/sys/fs/ext4/{name}/trigger_fs_error"), "a test").is_ok()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // A lazy unmount: a process that still has a file open there keeps the file until its end.
        let _ = run("umount", &["-l", &text(&self.point)]);
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Runs a tool of the system. The error is the message of the tool.
fn run(tool: &str, arguments: &[&str]) -> Result<(), String> {
    let output =
        Command::new(tool).args(arguments).output().map_err(|error| format!("{tool}: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("{tool}: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }
}
