//! The chart of a run, as SVG: each operation in multiples of the same one in Express. Its colours follow
//! the reader's preference for light or dark, on a ground of their own.

use std::{fmt::Write, fs, thread};

use keyward::domain::clock::{Clock, SystemClock};

use super::{keyward::Backend, row::Row};

const STYLE: &str = "
  .ground { fill: #ffffff; stroke: #d1d9e0 }
  text { font: 15px system-ui, -apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif; fill: #1f2328 }
  .title { font-size: 20px; font-weight: 600 }
  .muted { fill: #59636e; font-size: 14px }
  .end { text-anchor: end }
  .middle { text-anchor: middle }
  .grid { stroke: #d1d9e0 }
  .one { stroke: #59636e; stroke-width: 2 }
  .embedded { fill: #0969da }
  .redis { fill: #bc4c00 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; stroke: #3d444d }
    text { fill: #f0f6fc }
    .muted { fill: #9198a1 }
    .grid { stroke: #3d444d }
    .one { stroke: #9198a1 }
    .embedded { fill: #4493f8 }
    .redis { fill: #f0883e }
  }
";

const WIDTH: f64 = 800.0;
const MARGIN: f64 = 24.0;
/// Where the bars begin; names stand before it.
const LEFT: f64 = 276.0;
/// Where the longest bar may end; its value stands after it.
const RIGHT: f64 = 730.0;
const TOP: f64 = 128.0;
const BAR: f64 = 16.0;
/// From one bar to the next of the same operation.
const STEP: f64 = 19.0;
/// Between operations.
const GAP: f64 = 12.0;
/// From the last bar to the lower edge.
const BOTTOM: f64 = 84.0;

struct Bar {
    backend: Backend,
    ratio: f64,
}

/// The bars of one operation.
struct Group {
    operation: &'static str,
    bars: Vec<Bar>,
}

/// Of the rows that have a peer, in their order.
pub fn draw(rows: &[Row]) -> String {
    let groups = groups(rows);
    let ratios = groups.iter().flat_map(|group| &group.bars).map(|bar| bar.ratio);
    let scale = Scale::up_to(ratios.fold(1.0, f64::max));
    let bottom = TOP + groups.iter().map(Group::height).sum::<f64>();
    let height = bottom + BOTTOM;
    let mut body = String::new();
    heading(&mut body);
    scale.draw(&mut body, bottom);
    let mut y = TOP;
    for group in &groups {
        group.draw(&mut body, &scale, y);
        y += group.height();
    }
    let one = scale.x(1.0);
    line(&mut body, "one", [one, TOP - 6.0], [one, bottom]);
    text(&mut body, "muted", MARGIN, height - 18.0, &source());
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-label=\"{TITLE}\">\n<style>{STYLE}</style>\n\
         <rect class=\"ground\" x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"6\"/>\n{body}</svg>\n",
        WIDTH - 1.0,
        height - 1.0
    )
}

const TITLE: &str = "Requests per second, in multiples of Express";

fn groups(rows: &[Row]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for row in rows {
        let Some(ratio) = row.to_express() else { continue };
        let bar = Bar { backend: row.backend, ratio };
        match groups.last_mut().filter(|group| group.operation == row.operation) {
            Some(group) => group.bars.push(bar),
            None => groups.push(Group { operation: row.operation, bars: vec![bar] }),
        }
    }
    groups
}

impl Group {
    fn height(&self) -> f64 {
        self.bars.iter().map(|_| STEP).sum::<f64>() + GAP
    }

    fn draw(&self, body: &mut String, scale: &Scale, top: f64) {
        let middle = top + (self.height() - GAP) / 2.0 + 4.0;
        text(body, "end", LEFT - 12.0, middle, self.operation);
        let mut y = top;
        for Bar { backend, ratio } in &self.bars {
            let end = scale.x(*ratio);
            rectangle(body, class(*backend), [LEFT, y], [end - LEFT, BAR]);
            text(body, "", end.max(scale.x(1.0)) + 8.0, y + BAR - 3.0, &format!("{ratio:.1}"));
            y += STEP;
        }
    }
}

/// The axis.
struct Scale {
    most: f64,
    tick: f64,
}

impl Scale {
    /// Some five ticks, of a round number each.
    fn up_to(most: f64) -> Self {
        let ticks = [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0];
        let tick = ticks.into_iter().find(|tick| most / tick <= 6.0).unwrap_or(most);
        Self { most: (most / tick).ceil() * tick, tick }
    }

    fn x(&self, ratio: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * ratio / self.most
    }

    fn draw(&self, body: &mut String, bottom: f64) {
        let mut ratio = 0.0;
        while ratio <= self.most {
            let x = self.x(ratio);
            line(body, "grid", [x, TOP - 6.0], [x, bottom]);
            text(body, "muted middle", x, bottom + 20.0, &format!("{ratio} ×"));
            ratio += self.tick;
        }
        text(body, "muted middle", self.x(1.0), TOP - 12.0, "Express = 1");
        text(body, "muted end", RIGHT, TOP - 12.0, "more is better →");
    }
}

fn heading(body: &mut String) {
    text(body, "title", MARGIN, 38.0, TITLE);
    text(
        body,
        "muted",
        MARGIN,
        60.0,
        "Express 5 with jsonwebtoken and redis, on the same machine, in the same run",
    );
    for (backend, x, name) in
        [(Backend::Embedded, MARGIN, "embedded (SQLite)"), (Backend::Redis, MARGIN + 190.0, "with Redis")]
    {
        rectangle(body, class(backend), [x, 75.0], [14.0, 14.0]);
        text(body, "", x + 20.0, 87.0, name);
    }
}

const fn class(backend: Backend) -> &'static str {
    match backend {
        Backend::Embedded => "embedded",
        Backend::Redis => "redis",
    }
}

/// Where and when it was measured.
fn source() -> String {
    let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = information.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model.trim());
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let now = SystemClock.now().rfc3339();
    let date = now.split('T').next().unwrap_or_default();
    format!("bench/run, {date}: {model}, {cores} cores")
}

fn text(body: &mut String, class: &str, x: f64, y: f64, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    writeln!(body, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>").expect("room");
}

fn rectangle(body: &mut String, class: &str, [x, y]: [f64; 2], [width, height]: [f64; 2]) {
    writeln!(
        body,
        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
    )
    .expect("room");
}

fn line(body: &mut String, class: &str, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2]) {
    writeln!(body, "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>")
        .expect("room");
}
