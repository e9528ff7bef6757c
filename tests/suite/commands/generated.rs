//! What is made of the commands themselves: completions, which the shell can read, and a manual page for each.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use crate::support::outside::install::Install;

/// The commands below one, by its help.
fn below(install: &Install, above: &[&str]) -> Vec<String> {
    let help = install.good(&[above, &["--help"]].concat());
    let Some(listed) = help.split("Commands:\n").nth(1) else { return Vec::new() };
    let listed = listed.lines().take_while(|line| !line.is_empty());
    let named = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    named.filter(|name| !name.is_empty() && *name != "help").map(str::to_owned).collect()
}

#[test]
fn each_command_has_a_manual_page() {
    let install = Install::new();
    let folder = install.path("man");
    let folder_name = folder.to_str().expect("UTF-8");
    let refused = install.run(&["man", folder_name]);
    assert!(refused.code == Some(1) && refused.stderr.contains(folder_name), "{refused:?}");
    fs::create_dir(&folder).expect("made");
    install.good(&["man", folder_name]);

    let page = |name: &str| fs::read_to_string(folder.join(format!("{name}.1"))).expect(name);
    assert!(page("keyward").contains("\\-\\-config"), "{}", page("keyward"));
    let mut count = 1;
    for command in below(&install, &[]) {
        page(&format!("keyward-{command}"));
        count += 1;
        for inner in below(&install, &[&command]) {
            let text = page(&format!("keyward-{command}-{inner}"));
            assert!(text.contains(".SH SYNOPSIS"), "{text}");
            count += 1;
            for innermost in below(&install, &[&command, &inner]) {
                page(&format!("keyward-{command}-{inner}-{innermost}"));
                count += 1;
            }
        }
    }
    assert!(count > 30, "{count} commands");
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), count, "and nothing else");
}

#[test]
fn completions_name_every_command_and_bash_takes_them() {
    let install = Install::new();
    let commands = below(&install, &[]);
    assert!(commands.len() > 8, "{commands:?}");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = install.good(&["completions", shell]);
        for command in &commands {
            assert!(script.contains(command.as_str()), "{command} for {shell}");
        }
    }
    // What Tab offers after `keyward us` and `keyward user add --em`.
    let script = install.good(&["completions", "bash"]);
    for (words, offered) in [("keyward us", "user"), ("keyward user add --em", "--email")] {
        let last = words.split(' ').count() - 1;
        let asked = format!(
            "{script}\nCOMP_WORDS=({words}); COMP_CWORD={last}; COMPREPLY=()\n\
             _keyward keyward \"${{COMP_WORDS[{last}]}}\" \"${{COMP_WORDS[{}]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            last - 1
        );
        assert_eq!(bash(&asked, install.path("").as_path()), format!("{offered}\n"), "{words}");
    }
    assert_eq!(install.run(&["completions", "tcsh"]).code, Some(2));
}

fn bash(script: &str, folder: &Path) -> String {
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-s"]).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut bash = bash.spawn().expect("bash");
    bash.stdin.take().expect("piped").write_all(script.as_bytes()).expect("written");
    let output = bash.wait_with_output().expect("ended");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}
