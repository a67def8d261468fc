//! The bar chart of the table: how many times the rival's throughput ours is, on a logarithmic
//! scale.

use std::fmt::Write;

use crate::row::{Row, Target};
use crate::spread::figure;

/// Colours and fonts of every picture; dark where the reader's system is.
pub const STYLE: &str = "<style>
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .small { font-size: 11px; fill: #59636e; }
  .over-line { paint-order: stroke; stroke: #ffffff; stroke-width: 3px; }
  .bar { fill: #0969da; }
  .line { stroke: #0969da; stroke-width: 2; fill: none; }
  .spread { stroke: #1f2328; stroke-width: 1.5; }
  .axis { stroke: #59636e; stroke-width: 1; stroke-dasharray: 3 3; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .small { fill: #9198a1; }
    .over-line { stroke: #0d1117; }
    .bar { fill: #4493f8; }
    .line { stroke: #4493f8; }
    .spread { stroke: #e6edf3; }
    .axis { stroke: #9198a1; }
  }
</style>";

/// The width of the picture in its own units.
const WIDTH: f64 = 1010.0;
const LABEL: f64 = 540.0;
const BARS: f64 = 340.0;
const LINE: f64 = 28.0;
const TOP: f64 = 56.0;

/// Draws every comparison of throughput that has a target; the table shows the other comparisons
/// better than a bar.
pub fn svg(rows: &[&Row]) -> String {
    let bars: Vec<(&str, f64, f64, f64)> = rows
        .iter()
        .filter(|row| row.unit.ends_with("/s") && matches!(row.target, Target::RatioAtLeast(_)))
        .filter_map(|row| {
            row.ratio().map(|ratio| (row.name.as_str(), ratio.median(), ratio.min(), ratio.max()))
        })
        .filter(|(_, median, least, _)| median.is_finite() && *least > 0.0)
        .collect();
    let scale = Scale::over(bars.iter().flat_map(|(_, _, least, most)| [*least, *most]));
    let height = TOP + LINE * f64::from(u32::try_from(bars.len()).unwrap_or(u32::MAX)) + 12.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n{STYLE}\n"
    );
    let _ =
        writeln!(svg, "<title>Throughput of Persona Store, as a multiple of each rival's</title>");
    let _ = writeln!(
        svg,
        "<text x=\"8\" y=\"20\" font-weight=\"600\">Throughput as a multiple of the rival's (the dashed line; logarithmic)</text>"
    );
    let _ = writeln!(
        svg,
        "<text x=\"8\" y=\"38\" class=\"small\">Medians of interleaved pairs, with the smallest and the largest ratio; conditions in docs/performance.md</text>"
    );
    let one = LABEL + scale.at(1.0);
    let _ = writeln!(
        svg,
        "<line class=\"axis\" x1=\"{one:.1}\" y1=\"{}\" x2=\"{one:.1}\" y2=\"{:.0}\"/>",
        TOP - 8.0,
        height - 8.0
    );
    let mut y = TOP;
    for (name, median, least, most) in bars {
        let (from, to) = (one.min(LABEL + scale.at(median)), one.max(LABEL + scale.at(median)));
        let (least, most, middle) = (LABEL + scale.at(least), LABEL + scale.at(most), y + 9.0);
        let _ = writeln!(
            svg,
            "<text x=\"8\" y=\"{:.0}\">{}</text>",
            y + 13.0,
            escaped(&name.replace('`', ""))
        );
        let _ = writeln!(
            svg,
            "<rect class=\"bar\" x=\"{from:.1}\" y=\"{y:.0}\" width=\"{:.1}\" height=\"18\" rx=\"2\"/>",
            (to - from).max(1.0)
        );
        let _ = writeln!(
            svg,
            "<line class=\"spread\" x1=\"{least:.1}\" y1=\"{middle:.0}\" x2=\"{most:.1}\" y2=\"{middle:.0}\"/>"
        );
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.0}\">{}x</text>",
            to.max(most) + 6.0,
            y + 13.0,
            figure(median)
        );
        y += LINE;
    }
    svg.push_str("</svg>\n");
    svg
}

/// A logarithmic scale for the bars.
struct Scale {
    least: f64,
    most: f64,
}

impl Scale {
    /// A scale from the smallest value or a half, to the largest value or two.
    fn over(values: impl Iterator<Item = f64>) -> Self {
        let (least, most) = values
            .fold((0.5_f64, 2.0_f64), |(least, most), value| (least.min(value), most.max(value)));
        Self { least: least.ln(), most: most.ln() }
    }

    fn at(&self, value: f64) -> f64 {
        (value.ln() - self.least) / (self.most - self.least) * BARS
    }
}

/// Escapes the characters of a text that have a meaning in XML.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::svg;
    use crate::row::{Row, Target};
    use crate::spread::Spread;

    #[test]
    fn every_throughput_with_a_target_has_a_bar_and_nothing_else_has() {
        let row = |unit, target| {
            Row::compared("GET <by> id", unit, target, Spread::of([50.0]), Spread::of([1.0]))
        };
        let least = Target::RatioAtLeast(1.0);
        let picture = svg(&[
            &row("requests/s", least),
            &row("updates/s", least),
            &row("ms", least),
            &row("updates/s", Target::None),
        ]);
        assert_eq!(picture.matches("<rect").count(), 2, "{picture}");
        assert!(picture.contains("GET &lt;by&gt; id") && picture.contains(">50.0x<"), "{picture}");
        assert!(!svg(&[]).contains("NaN"));
    }
}
