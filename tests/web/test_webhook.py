import hashlib
import hmac

import pytest

from tests.servers import webhook_receiver
from web.webhook import Webhook, WebhookFailed


async def test_a_post_is_signed_and_bears_its_id():
    async with webhook_receiver() as receiver:
        await Webhook(url=receiver.url, secret="s3cret").send({"kind": "confirmed"}, key="visit.confirmed.1")

        headers, body = receiver.posts.get_nowait()
    assert body == b'{"kind":"confirmed"}'
    assert headers["enroute-id"] == "visit.confirmed.1"
    assert headers["enroute-signature"] == "sha256=" + hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()


async def test_without_a_secret_there_is_no_signature():
    async with webhook_receiver() as receiver:
        await Webhook(url=receiver.url, secret=None).send({}, key="k")

        headers, _ = receiver.posts.get_nowait()
    assert "enroute-signature" not in headers


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [
        ("500 Oops", False),
        ("429 Slow down", False),
        ("400 Bad", True),
        ("302 Found\r\nLocation: /else", False),
    ],
)
async def test_anything_but_2xx_is_a_failure(answer, permanent):
    async with webhook_receiver() as receiver:
        receiver.answer = answer

        with pytest.raises(WebhookFailed) as failure:
            await Webhook(url=receiver.url, secret=None).send({}, key="k")

    assert failure.value.permanent is permanent


async def test_nobody_at_the_other_end_is_a_failure_that_may_pass():
    with pytest.raises(WebhookFailed) as failure:
        await Webhook(url="http://127.0.0.1:1/hook", secret=None).send({}, key="k")

    assert failure.value.permanent is False
