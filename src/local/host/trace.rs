//! `traceparent`, as sent when Application Insights is configured.

use uuid::Uuid;

/// A child of the client's `traceparent`; without one, a new trace that is not sampled.
pub(super) fn child_of(client: Option<&str>) -> String {
    let span = &Uuid::new_v4().simple().to_string()[..16];
    match client.and_then(parts) {
        Some((trace, flags)) => format!("00-{trace}-{span}-{flags}"),
        None => format!("00-{}-{span}-00", Uuid::new_v4().simple()),
    }
}

fn parts(traceparent: &str) -> Option<(&str, &str)> {
    let mut parts = traceparent.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (hex(version, 2) && hex(trace, 32) && hex(span, 16) && hex(flags, 2)).then_some((trace, flags))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_keeps_the_trace_and_its_flags_and_has_a_span_of_its_own() {
        let client = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let child = child_of(Some(client));
        assert!(child.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && child.ends_with("-01"), "{child}");
        assert_ne!(child, client);
    }

    #[test]
    fn without_a_readable_parent_the_trace_is_new_and_not_sampled() {
        for parent in [None, Some("nonsense")] {
            let child = child_of(parent);
            assert!(parts(&child).is_some() && child.ends_with("-00"), "{child}");
        }
    }
}
