"""Applications of one app share a key, whatever their environments add to their names."""

from __future__ import annotations

from generator.importing.names import choose_keys, find_name_suffix


def test_names_with_the_suffix_of_their_environment_share_a_key() -> None:
    keys = choose_keys({"dev": ["cart-dev", "tax-dev"], "eu-prod": ["cart-prod"]})
    assert keys == {"dev": {"cart-dev": "cart", "tax-dev": "tax-dev"}, "eu-prod": {"cart-prod": "cart"}}


def test_two_names_of_an_environment_never_share_a_key() -> None:
    keys = choose_keys({"dev": ["cart-dev", "cart"], "prod": ["cart"]})
    assert keys["dev"] == {"cart-dev": "cart-dev", "cart": "cart"}


def test_a_name_that_cannot_be_a_key_gives_one_that_is_alike() -> None:
    keys = choose_keys({"main": ["shop.cart", "shop-cart", "7zip", "x" * 60]})["main"]
    assert keys["shop-cart"] == "shop-cart"
    assert keys["shop.cart"] == "shop-cart-2"
    assert keys["7zip"] == "x-7zip"
    assert len(keys["x" * 60]) <= 53


def test_a_suffix_counts_only_if_every_name_has_it() -> None:
    assert find_name_suffix({"cart-dev": "cart", "tax-dev": "tax"}) == "-dev"
    assert find_name_suffix({"cart-dev": "cart", "tax": "tax"}) == ""
