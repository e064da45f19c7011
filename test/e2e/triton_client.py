"""What users of Triton's Python client do, against the server at `address`: prints what came of it as JSON.

Called with the name of a part (a function below) and its arguments as JSON. Uses tritonclient where it is installed, else the stand-in
of test/support/triton, which makes the same calls.
"""

import json
import os
import pathlib
import queue
import re
import sys

ROOT = pathlib.Path(os.environ["HEADWATER_ROOT"])
try:
    import tritonclient.grpc as grpcclient
except ImportError:
    sys.path.insert(0, str(ROOT / "test/support/triton"))
    import tritonclient.grpc as grpcclient

import numpy as np
from tritonclient.utils import InferenceServerException, np_to_triton_dtype


def tensor(name, array, datatype=None):
    given = grpcclient.InferInput(name, list(array.shape), datatype or np_to_triton_dtype(array.dtype))
    given.set_data_from_numpy(array)
    return given


def failure(call, *arguments, **options):
    """Status and message of the error that a call ends with."""
    try:
        call(*arguments, **options)
    except InferenceServerException as error:
        return [error.status(), error.message()]
    return None


def strings(array):
    return [value.decode() for value in array.flat]


def information(client):
    """Everything that can be asked about server and models."""
    metadata = client.get_model_metadata("pets")
    return {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "modelReady": [client.is_model_ready("pets"), client.is_model_ready("tiny", "1")],
        "server": client.get_server_metadata(as_json=True),
        "versions": list(metadata.versions),
        "inputs": [[each.name, each.datatype, list(each.shape)] for each in metadata.inputs],
        "json": client.get_model_metadata("tiny", as_json=True)["name"],
        "unknown": failure(client.get_model_metadata, "nobody"),
        "unknownVersion": failure(client.is_model_ready, "pets", "77"),
    }


PIXELS = np.array([0, 1, 2, 127, 128, 200, 254, 255, 7, 8, 9, 10] * 4).reshape(1, 4, 4, 3)
EMBEDDING = np.array([[0.5, -2, 3], [4, 0.25, -1]])


def datatypes(client):
    """Each input in each datatype that numpy has; the answer's label and embedding, or the error."""
    types = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64"]
    shown = [grpcclient.InferRequestedOutput("label"), grpcclient.InferRequestedOutput("embedding")]

    def answer(given):
        try:
            result = client.infer("pets", [given], outputs=shown)
            return [strings(result.as_numpy("label")), result.as_numpy("embedding").tolist()]
        except InferenceServerException as error:
            return error.message()

    out = {}
    for name, values in (("pixels", PIXELS), ("input", PIXELS.reshape(1, 3, 4, 4) / 8), ("embedding", EMBEDDING)):
        for kind in types:
            array = values.astype(kind)
            out[f"{name} {np_to_triton_dtype(array.dtype)}"] = answer(tensor(name, array))
        out[f"{name} BF16"] = answer(tensor(name, values.astype(np.float32), "BF16"))
        out[f"{name} BYTES"] = answer(tensor(name, np.full(values.shape, b"x", dtype=np.object_)))
    return out


def images(client, jpeg):
    """An image file in each way that it can be sent."""
    with open(jpeg, "rb") as file:
        data = file.read()
    number = np.frombuffer(data, dtype=np.uint8)
    ways = {
        "[1]": tensor("image", np.array([data], dtype=np.object_)),
        "[2,1]": tensor("image", np.array([[data], [data]], dtype=np.object_)),
        "UINT8 [n]": tensor("image", number),
        "UINT8 [2,n]": tensor("image", np.stack([number, number])),
    }
    return {way: strings(client.infer("pets", [given]).as_numpy("label")) for way, given in ways.items()}


def outputs(client):
    """The protocol's details of a request and its answer."""
    given = tensor("embedding", EMBEDDING.astype(np.float32))
    best = grpcclient.InferRequestedOutput("probabilities", class_count=2)
    result = client.infer(
        "pets",
        [given],
        model_version="1",
        outputs=[best],
        request_id="mine",
        sequence_id=7,
        sequence_start=True,
        sequence_end=True,
        priority=3,
        timeout=60_000_000,
        client_timeout=60,
        parameters={"own": "thing", "n": 1, "yes": True},
    )
    response = result.get_response(as_json=True)
    several = client.infer("pets", [given], parameters={"heads": "pets,coats"}, request_id="both")
    untrained = client.infer("new", [given])
    return {
        "id": response["id"],
        "model": [response["model_name"], response["model_version"]],
        "best": [strings(row) for row in result.as_numpy("probabilities")],
        "recorded": response["parameters"]["recorded"]["bool_param"],
        "missing": result.as_numpy("label"),
        "heads": {each.name: each.datatype for each in several.get_response().outputs},
        "labels": [strings(several.as_numpy(name)) for name in ("pets.label", "coats.label")],
        "headVersions": [several.get_response().parameters[f"{name}.version"].string_param for name in ("pets", "coats")],
        "untrained": [strings(untrained.as_numpy("label")), list(untrained.as_numpy("probabilities").shape)],
        "compressed": [
            strings(client.infer("pets", [given], compression_algorithm=algorithm).as_numpy("label"))
            for algorithm in ("gzip", "deflate")
        ],
    }


def errors(client):
    given = tensor("embedding", EMBEDDING.astype(np.float32))
    shared = grpcclient.InferInput("embedding", [1, 3], "FP32")
    shared.set_shared_memory("region", 12)
    return {
        "model": failure(client.infer, "nobody", [given]),
        "version": failure(client.infer, "pets", [given], model_version="9"),
        "output": failure(client.infer, "pets", [given], outputs=[grpcclient.InferRequestedOutput("logits")]),
        "sharedMemory": failure(client.infer, "pets", [shared]),
        "heads": failure(client.infer, "pets", [given], parameters={"heads": "pets,nobody"}),
        "timeoutParameter": failure(client.infer, "pets", [given], timeout=-5),
    }


def asynchronous(client, count=20):
    """Many requests at once, each told to its callback."""
    answers = queue.Queue()
    for index in range(count):
        client.async_infer(
            "pets",
            [tensor("pixels", np.full([1, 4, 4, 3], index, dtype=np.uint8))],
            callback=lambda result, error, index=index: answers.put((index, result, error)),
            outputs=[grpcclient.InferRequestedOutput("embedding")],
            request_id=f"async-{index}",
        )
    got = [answers.get(timeout=60) for _ in range(count)]
    assert all(error is None for _, _, error in got), got
    return {
        "ids": all(result.get_response().id == f"async-{index}" for index, result, _ in got),
        "embeddings": sorted(result.as_numpy("embedding")[0, 0].item() for _, result, _ in got),
    }


def stream(client, compression=None):
    """Requests on a stream, one of them wrong; the stream is ended, then another one is cancelled."""
    answers = queue.Queue()
    client.start_stream(
        callback=lambda result, error: answers.put((result, error)), stream_timeout=120, compression_algorithm=compression
    )
    for index in range(6):
        client.async_stream_infer(
            "pets" if index != 3 else "nobody",
            [tensor("pixels", np.full([1, 4, 4, 3], index, dtype=np.uint8))],
            request_id=f"stream-{index}",
            enable_empty_final_response=index % 2 == 0,
        )
    got = []
    for _ in range(6):
        result, error = answers.get(timeout=60)
        if error is not None:
            got.append(error.message())
        else:
            response = result.get_response()
            got.append([response.id, response.parameters["triton_final_response"].bool_param])
    client.stop_stream()
    client.start_stream(callback=lambda result, error: answers.put((result, error)))
    client.stop_stream(cancel_requests=True)
    _, error = answers.get(timeout=60)
    return {"answers": got, "cancelled": error.status()}


def waiting(client):
    """While the backbone is held: a client's timeout, a queue's timeout, and a request that is cancelled."""
    given = tensor("pixels", np.zeros([1, 4, 4, 3], dtype=np.uint8))
    answers = queue.Queue()
    running = client.async_infer("pets", [given], callback=lambda result, error: answers.put(error), request_id="cancelled")
    sys.stdin.readline()  # until it runs
    out = {"clientTimeout": failure(client.infer, "pets", [given], client_timeout=0.2)}
    out["queueTimeout"] = failure(client.infer, "pets", [given], timeout=1)
    running.cancel()
    error = answers.get(timeout=60)
    out["cancelled"] = [error.status(), error.message()]
    return out


def repository(client):
    """Configuration, statistics, the repository's index, unloading and loading."""
    given = tensor("pixels", np.zeros([2, 4, 4, 3], dtype=np.uint8))
    client.infer("pets", [given])
    config = client.get_model_config("pets").config
    statistics = client.get_inference_statistics("pets").model_stats[0]

    def index():
        return {each.name: each.state for each in client.get_model_repository_index().models}

    out = {
        "config": [config.name, config.max_batch_size, {each.name: [each.data_type, list(each.dims)] for each in config.input}],
        "configJson": client.get_model_config("tiny", as_json=True)["config"]["name"],
        "statistics": [statistics.name, statistics.inference_count, statistics.inference_stats.success.count],
        "durations": statistics.inference_stats.success.ns >= statistics.inference_stats.compute_infer.ns > 0,
        "all": sorted(each.name for each in client.get_inference_statistics().model_stats),
        "index": index(),
    }
    client.unload_model("coats")
    out["unloaded"] = [index()["coats"], failure(client.infer, "coats", [given])]
    client.load_model("coats")
    out["loaded"] = [index()["coats"], strings(client.infer("coats", [given]).as_numpy("label"))]
    return out


def secured(address, token, ca, certificate, key):
    """TLS with and without what is needed, and the scopes of a token."""
    given = tensor("embedding", EMBEDDING.astype(np.float32))
    headers = {"authorization": f"Bearer {token}"}
    with grpcclient.InferenceServerClient(
        address, ssl=True, root_certificates=ca, private_key=key, certificate_chain=certificate
    ) as client:
        answers = queue.Queue()
        client.start_stream(callback=lambda result, error: answers.put((result, error)), headers=headers)
        client.async_stream_infer("pets", [given])
        result, error = answers.get(timeout=60)
        client.stop_stream()
        out = {
            "label": strings(client.infer("pets", [given], headers=headers).as_numpy("label")),
            "stream": None if error else strings(result.as_numpy("label")),
            "without": failure(client.infer, "pets", [given]),
            "wrong": failure(client.infer, "pets", [given], headers={"authorization": "Bearer hw_wrong"}),
            "otherHead": failure(client.infer, "coats", [given], headers=headers),
            "amongHeads": failure(client.infer, "pets", [given], headers=headers, parameters={"heads": "pets,coats"}),
            "admin": failure(client.unload_model, "pets", headers=headers),
        }
    with grpcclient.InferenceServerClient(address) as client:
        out["plaintext"] = failure(client.infer, "pets", [given], headers=headers, client_timeout=20)
    with grpcclient.InferenceServerClient(address, ssl=True, root_certificates=ca) as client:
        out["noCertificate"] = failure(client.infer, "pets", [given], headers=headers, client_timeout=20)
    return out


def document(address):
    """Runs the Python blocks of docs/tritonclient.md as they stand, but for the address."""
    return run_blocks(address, lambda section: section != "TLS and tokens", {})


def document_secured(address):
    """Those of its section on TLS and tokens: the files are in the working directory."""
    return run_blocks(address, lambda section: section == "TLS and tokens", {"np": np, "grpcclient": grpcclient})


def run_blocks(address, wanted, names):
    text = (ROOT / "docs/tritonclient.md").read_text()
    count = 0
    for section in re.split(r"^## ", text, flags=re.MULTILINE):
        if not wanted(section.split("\n")[0]):
            continue
        for block in re.findall(r"^```python\n(.*?)^```$", section, re.DOTALL | re.MULTILINE):
            count += 1
            sys.stdout, printed = sys.stderr, sys.stdout
            try:
                exec(compile(block.replace("localhost:8001", address), "docs/tritonclient.md", "exec"), names)
            finally:
                sys.stdout = printed
    return {"blocks": count}


def main(part, given):
    run = globals()[part]
    if part in ("secured", "document", "document_secured"):
        return run(**given)
    with grpcclient.InferenceServerClient(given.pop("address")) as client:
        return run(client, **given)


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], json.loads(sys.argv[2]))))
