//! A QR code as an image that a page shows without asking anybody else for it: who draws it sees the secret.

use base64::{Engine, engine::general_purpose::STANDARD};
use fast_qr::{QRBuilder, convert::svg::SvgBuilder};

/// A `data:` URI of an SVG; `None` = the text is too long for any QR code.
pub(super) fn image(text: &str) -> Option<String> {
    let code = QRBuilder::new(text).build().ok()?;
    let svg = SvgBuilder::default().to_str(&code);
    Some(format!("data:image/svg+xml;base64,{}", STANDARD.encode(svg)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_is_an_svg() {
        let image = image("otpauth://totp/a:b?secret=GEZDGNBV").expect("an image");
        let svg = STANDARD.decode(image.strip_prefix("data:image/svg+xml;base64,").expect("a URI"));
        let svg = String::from_utf8(svg.expect("base64")).expect("a text");
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>") && svg.contains("<path "), "{svg}");
    }
}
