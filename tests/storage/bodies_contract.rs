//! What every kind of place for large bodies does.

use futures_util::future::join_all;
use inevent_d365::queue::QueueError;

use crate::places::Place;

pub async fn bytes_are_kept_until_deleted(place: &Place) {
    let key = "2026/11/22/0b1c-Body";
    assert_eq!(place.bodies.get(key).await.unwrap(), None);
    place.bodies.put(key, b"one").await.unwrap();
    place.bodies.put("2026/11/22/other", b"two").await.unwrap();
    assert_eq!(place.bodies.get(key).await.unwrap().as_deref(), Some(&b"one"[..]));
    place.bodies.delete(key).await.unwrap();
    assert_eq!(place.bodies.get(key).await.unwrap(), None);
    assert_eq!(place.bodies.get("2026/11/22/other").await.unwrap().as_deref(), Some(&b"two"[..]));
}

pub async fn deleting_nothing_is_success(place: &Place) {
    place.bodies.delete("never").await.unwrap();
    place.bodies.put("a", b"x").await.unwrap();
    place.bodies.delete("never").await.unwrap();
}

pub async fn a_second_put_replaces(place: &Place) {
    place.bodies.put("a", b"a longer first body").await.unwrap();
    place.bodies.put("a", b"second").await.unwrap();
    assert_eq!(place.bodies.get("a").await.unwrap().as_deref(), Some(&b"second"[..]));
}

pub async fn any_bytes_of_any_length_survive(place: &Place) {
    let all: Vec<u8> = (0..=255).collect();
    for bytes in [Vec::new(), all.clone(), b"\xEF\xBB\xBF\r\n\0".to_vec(), all.repeat(12 * 1024)] {
        place.bodies.put("any", &bytes).await.unwrap();
        assert!(place.bodies.get("any").await.unwrap() == Some(bytes));
    }
}

pub async fn first_puts_may_come_together(place: &Place) {
    // None of them finds the container there.
    join_all((0..8_u8).map(async |n| place.bodies.put(&format!("k{n}"), &[n]).await.unwrap())).await;
    for n in 0..8_u8 {
        assert_eq!(place.bodies.get(&format!("k{n}")).await.unwrap(), Some(vec![n]));
    }
}

pub async fn keys_with_other_characters_are_refused(place: &Place) {
    for key in ["", "/a", "a/", "a//b", "..", "a/../../b", "a?comp=acl", "a b", "a%2e", "é"] {
        assert!(matches!(place.bodies.put(key, b"x").await, Err(QueueError::BadKey(_))), "{key}");
        assert!(matches!(place.bodies.get(key).await, Err(QueueError::BadKey(_))), "{key}");
        assert!(matches!(place.bodies.delete(key).await, Err(QueueError::BadKey(_))), "{key}");
    }
}
