//! One picture for each curve: a small panel for each measured series, over the same logarithmic
//! axis.

use std::fmt::Write;

use crate::chart::{STYLE, escaped};
use crate::curves::Curve;
use crate::spread::{figure, separated};

/// The width of a panel in the picture's own units; two panels are beside each other.
const PANEL_WIDTH: f64 = 420.0;
const PANEL_HEIGHT: f64 = 210.0;
/// Room for half of the widest label on both sides, and for a value between the name and the
/// highest point.
const MARGIN: f64 = 44.0;
const TOP: f64 = 42.0;
const COLUMNS: usize = 2;

/// Draws a curve.
pub fn svg(curve: &Curve) -> String {
    let lines = curve.series.len().div_ceil(COLUMNS);
    let height = 34.0 + PANEL_HEIGHT * small(lines);
    let width = PANEL_WIDTH * small(COLUMNS);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n{STYLE}\n"
    );
    let _ = writeln!(svg, "<title>Cost over {}</title>", escaped(curve.axis));
    let _ = writeln!(
        svg,
        "<text x=\"8\" y=\"20\" font-weight=\"600\">Cost over {} (logarithmic)</text>",
        escaped(curve.axis)
    );
    for (number, name) in curve.series.iter().enumerate() {
        let points: Vec<(f64, f64)> =
            curve.points.iter().map(|(x, values)| (*x, values[number])).collect();
        let (left, top) =
            (PANEL_WIDTH * small(number % COLUMNS), 34.0 + PANEL_HEIGHT * small(number / COLUMNS));
        panel(&mut svg, name, &points, left, top);
    }
    svg.push_str("</svg>\n");
    svg
}

/// A line over points; the vertical axis starts at zero, so that a slope is as steep as it looks.
fn panel(svg: &mut String, name: &str, points: &[(f64, f64)], left: f64, top: f64) {
    let (wide, high) = (PANEL_WIDTH - 2.0 * MARGIN, PANEL_HEIGHT - TOP - 40.0);
    let most = points.iter().map(|(_, y)| *y).fold(f64::MIN_POSITIVE, f64::max);
    let (first, last) =
        (points.first().map_or(1.0, |(x, _)| x.ln()), points.last().map_or(1.0, |(x, _)| x.ln()));
    let span = (last - first).max(f64::MIN_POSITIVE);
    let place = |(x, y): (f64, f64)| {
        (left + MARGIN + (x.ln() - first) / span * wide, top + TOP + high - y / most * high)
    };
    let path: Vec<String> =
        points.iter().map(|point| place(*point)).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _ = writeln!(
        svg,
        "<text x=\"{:.0}\" y=\"{:.0}\">{}</text>",
        left + 8.0,
        top + 12.0,
        escaped(name)
    );
    let (zero, end) = (top + TOP + high, left + MARGIN + wide);
    let _ = writeln!(
        svg,
        "<line class=\"axis\" x1=\"{:.1}\" y1=\"{zero:.1}\" x2=\"{end:.1}\" y2=\"{zero:.1}\"/>",
        left + MARGIN
    );
    let _ = writeln!(svg, "<polyline class=\"line\" points=\"{}\"/>", path.join(" "));
    for point in points {
        let (x, y) = place(*point);
        let _ = writeln!(svg, "<circle class=\"bar\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>");
        label(svg, "small over-line", (x, y - 7.0), &figure(point.1));
        label(svg, "small", (x, zero + 18.0), &separated(&format!("{:.0}", point.0)));
    }
}

fn label(svg: &mut String, class: &str, (x, y): (f64, f64), text: &str) {
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{text}</text>"
    );
}

fn small(count: usize) -> f64 {
    f64::from(u16::try_from(count).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::svg;
    use crate::curves::Curve;

    #[test]
    fn every_series_has_a_panel_and_every_point_a_place() {
        let points = vec![(1.0, vec![1.0, 0.0]), (10.0, vec![2.0, 0.0])];
        let picture =
            svg(&Curve { name: "workers", axis: "workers", series: &["GET/s", "errors"], points });
        assert_eq!(
            (picture.matches("<polyline").count(), picture.matches("<circle").count()),
            (2, 4)
        );
        assert!(!picture.contains("NaN"), "{picture}");
    }
}
