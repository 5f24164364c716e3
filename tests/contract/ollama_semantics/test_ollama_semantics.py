"""The stand-in answers as a real Ollama does: the same cases over both."""

import hashlib

import pytest
from llama_cpp import Llama

from modelfiles.grammar import parse
from tests.contract.ollama_served import WORDS, Served, error, lines
from tests.tiny_model import CHATML, END

LLAMA3 = (
    "{{- range .Messages }}<|start_header_id|>{{ .Role }}<|end_header_id|>\n\n{{ .Content }}<|eot_id|>\n"
    "{{- end }}<|start_header_id|>assistant<|end_header_id|>\n\n"
)
ZEPHYR = "{{- range .Messages }}<|{{ .Role }}|>\n{{ .Content }}</s>\n{{ end }}<|assistant|>\n"


def test_blobs(served: Served) -> None:
    """A blob is there after its upload; another digest than that of what was sent is refused."""
    content = b"a blob"
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    other = "sha256:" + "0" * 64
    path = f"/api/blobs/{digest}"
    before = served.http.head(path)
    assert (before.status_code, before.content) == (404, b"")
    uploads = [served.http.post(path, content=content) for _ in range(2)]
    assert [(upload.status_code, upload.content) for upload in uploads] == [(201, b""), (200, b"")]
    assert served.http.head(path).status_code == 200
    refused = served.http.post(f"/api/blobs/{other}", content=content)
    assert error(refused) == (400, f'digest mismatch, expected "{other}", got "{digest}"')
    assert error(served.http.post("/api/blobs/nonsense", content=content)) == (400, "invalid digest format")
    assert served.http.head("/api/blobs/nonsense").status_code == 400


def test_create(served: Served) -> None:
    """Creating tells its progress line by line; what is loaded later isn't the blob that was sent."""
    progress = [line["status"] for line in served.create("made")]
    assert (progress[0], progress[-2:]) == ("parsing GGUF", ["writing manifest", "success"])
    sent = hashlib.sha256((served.gguf).read_bytes()).hexdigest()
    shown = served.post("/api/show", model="made").json()["modelfile"]
    assert "/blobs/sha256-" in shown
    assert sent not in shown
    assert served.http.head(f"/api/blobs/sha256:{sent}").status_code == 200
    before = served.tags()["made:latest"]
    assert served.create("MADE")[-1] == {"status": "success"}
    after = served.tags()["made:latest"]
    assert after["digest"] == before["digest"]
    assert after["modified_at"] > before["modified_at"]
    served.create("made", system="풋풋이")
    assert served.tags()["made:latest"]["digest"] != before["digest"]


def test_create_fails(served: Served) -> None:
    """What is wrong with a model's parts is told in a line after status 200; a call without sense is 400."""
    missing = "sha256:" + "0" * 64
    said = served.create("bad", files={"m.gguf": missing})
    assert said[0] == {"status": "parsing GGUF"}
    assert said[1]["error"].startswith("open /")
    assert said[1]["error"].endswith(f"sha256-{'0' * 64}: no such file or directory")
    assert served.create("bad", template="{{ .Content")[-1]["error"].startswith("template error: ")
    cut = served.upload((served.gguf).read_bytes()[:2000])
    assert served.create("bad", files={"m.gguf": cut})[-1] == {"error": "unexpected EOF"}
    unsaid = served.post("/api/create", model="bad")
    assert error(unsaid) == (400, "neither 'from' or 'files' was specified")
    assert error(served.post("/api/create", files={"m.gguf": cut})) == (400, "invalid model name")
    assert served.tags() == {}


def test_copy_and_delete(served: Served) -> None:
    """A copy has the same digest under another name, and stays when the first name is deleted."""
    served.create("first")
    first = served.tags()["first:latest"]
    assert served.post("/api/copy", source="First", destination="futfut").content == b""
    copied = served.tags()["futfut:latest"]
    assert copied["digest"] == first["digest"]
    assert copied["modified_at"] > first["modified_at"]
    assert served.post("/api/copy", source="first", destination="futfut:previous").status_code == 200
    assert set(served.tags()) == {"futfut:previous", "futfut:latest", "first:latest"}
    gone = served.http.request("DELETE", "/api/delete", json={"model": "FIRST"})
    assert (gone.status_code, gone.content) == (200, b"")
    again = served.http.request("DELETE", "/api/delete", json={"model": "first"})
    assert error(again) == (404, "model 'first' not found")
    missing = served.post("/api/copy", source="first", destination="futfut")
    assert error(missing) == (404, 'model "first" not found')
    assert error(served.post("/api/copy", source="", destination="x")) == (400, 'source "" is invalid')
    assert served.chat("futfut", options={"num_predict": 1}).status_code == 200


def test_show(served: Served) -> None:
    """A model is shown with its parts; the vocabulary only if asked for, the GGUF's own template never."""
    parameters = {"num_ctx": 512, "temperature": 0.5, "stop": [END, "<|x|>"]}
    served.create("shown", system="풋풋이\n너는", license=["MIT: ours"], parameters=parameters)
    served.post("/api/copy", source="shown", destination="futfut")
    brief = served.post("/api/show", model="Futfut").json()
    assert (brief["template"], brief["system"], brief["license"]) == (CHATML, "풋풋이\n너는", "MIT: ours")
    assert sorted(brief["parameters"].split("\n")) == [
        f"{'num_ctx':<30} 512",
        f'{"stop":<30} "{END}"',
        f'{"stop":<30} "<|x|>"',
        f"{'temperature':<30} 0.5",
    ]
    modelfile = parse(brief["modelfile"])
    assert (modelfile.template, modelfile.system) == (CHATML, "풋풋이\n너는")
    assert [value for name, value in modelfile.parameters if name == "stop"] == [END, "<|x|>"]
    assert brief["model_info"]["tokenizer.ggml.tokens"] is None
    info = served.post("/api/show", model="futfut", verbose=True).json()["model_info"]
    assert info["tokenizer.ggml.tokens"][3:5] == ["<|im_start|>", END]
    assert len(info["tokenizer.ggml.token_type"]) == len(info["tokenizer.ggml.tokens"])
    assert (info["tokenizer.ggml.model"], info["tokenizer.ggml.eos_token_id"]) == ("llama", 4)
    assert (info["tokenizer.ggml.add_bos_token"], info["llama.context_length"]) == (False, 4096)
    assert "tokenizer.chat_template" not in info
    assert error(served.post("/api/show", model="nothing")) == (404, "model 'nothing:latest' not found")
    assert error(served.post("/api/show")) == (400, "model is required")


def test_tags(served: Served) -> None:
    """A list has name, digest, size and the time of the last change; names keep the case they came in."""
    served.create("Big-Q4")
    listed = served.tags()["Big-Q4:latest"]
    assert len(listed["digest"]) == 64
    assert listed["size"] > 1_000_000
    assert listed["details"]["context_length"] == 4096
    assert listed["modified_at"] == served.post("/api/show", model="big-q4").json()["modified_at"]
    assert served.http.head("/api/tags").status_code == served.http.get("/api/version").status_code == 200


def test_chat(served: Served) -> None:
    """An answer is streamed in pieces, with the counters in its last line, or comes whole."""
    served.create("chats", system="풋풋이")
    answer = served.chat("Chats")
    assert answer.headers["content-type"] == "application/x-ndjson"
    *pieces, last = lines(answer)
    assert [line["message"]["content"] for line in pieces] == [word.replace("▁", " ") for word in WORDS]
    assert {line["done"] for line in pieces} == {False}
    assert {line["model"] for line in pieces} == {"Chats"}
    assert last["message"] == {"role": "assistant", "content": ""}
    assert (last["done"], last["done_reason"]) == (True, "stop")
    prompt = served.chat("chats", _debug_render_only=True).json()["_debug_info"]["rendered_template"]
    vocabulary = Llama(str(served.gguf), vocab_only=True, verbose=False)
    assert last["prompt_eval_count"] == len(vocabulary.tokenize(prompt.encode(), special=True))
    assert last["eval_count"] == len(WORDS) + 1
    assert all(isinstance(last[f"{what}_duration"], int) for what in ("total", "load", "eval"))
    again = served.chat("chats", stream=False).json()
    assert again["message"]["content"] == " 풋살은 재밌어요."
    assert again["prompt_eval_count"] == last["prompt_eval_count"]


def test_length(served: Served) -> None:
    """num_predict ends an answer, and says so."""
    served.create("cut")
    *pieces, last = lines(served.chat("cut", options={"num_predict": 3}))
    assert [line["message"]["content"] for line in pieces] == [" 풋", "살", "은"]
    assert (last["done_reason"], last["eval_count"]) == ("length", 3)


def test_repeats(served: Served) -> None:
    """An answer that repeats itself ends after 31 pieces, without a last line."""
    served.create("repeats", "풋")
    pieces = lines(served.chat("repeats"))
    assert [piece["message"]["content"] for piece in pieces] == ["풋"] * 31
    assert not any(piece["done"] for piece in pieces)
    whole = served.chat("repeats", stream=False).json()
    assert (whole["message"]["content"], whole["done"]) == ("풋" * 31, False)


@pytest.mark.parametrize("template", [CHATML, LLAMA3, ZEPHYR], ids=["chatml", "llama3", "zephyr"])
def test_render(served: Served, template: str) -> None:
    """A template is filled with the conversation, the model's system prompt before it if it brings none."""
    served.create("renders", template=template, system="풋풋이")
    turns = {
        CHATML: "<|im_start|>{}\n{}<|im_end|>\n",
        LLAMA3: "<|start_header_id|>{}<|end_header_id|>\n\n{}<|eot_id|>",
        ZEPHYR: "<|{}|>\n{}</s>\n",
    }
    ends = {
        CHATML: "<|im_start|>assistant\n",
        LLAMA3: "<|start_header_id|>assistant<|end_header_id|>\n\n",
        ZEPHYR: "<|assistant|>\n",
    }

    def rendered(*messages: tuple[str, str]) -> str:
        asked = [{"role": role, "content": content} for role, content in messages]
        info = served.chat("renders", messages=asked, _debug_render_only=True).json()["_debug_info"]
        text: str = info["rendered_template"]
        return text

    def expected(*messages: tuple[str, str]) -> str:
        return "".join(turns[template].format(*message) for message in messages) + ends[template]

    system = ("system", "풋풋이")
    conversation = [("user", " 골? <&>\n"), ("assistant", "네 ⚽"), ("user", "  ")]
    assert rendered(*conversation) == expected(system, *conversation)
    assert rendered(("system", "다른"), *conversation) == expected(("system", "다른"), *conversation)
    assert rendered(("user", "a"), ("user", "b")) == expected(system, ("user", "a\n\nb"))


def test_refusals(served: Served) -> None:
    """A missing model is 404, a call without a model or a body 400."""
    assert error(served.chat("nothing")) == (404, "model 'nothing' not found")
    assert error(served.post("/api/generate", model="nothing")) == (404, "model 'nothing' not found")
    assert error(served.post("/api/chat")) == (400, "model is required")
    assert error(served.http.post("/api/chat")) == (400, "missing request body")
    assert served.http.get("/api/nothing").status_code == 404
