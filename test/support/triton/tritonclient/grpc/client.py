"""InferenceServerClient: each method makes the call that the client of the same name makes, with its defaults."""

import queue
import threading

import grpc
from protocol import Stub, message

from ..utils import InferenceServerException
from .tensors import InferResult, as_dictionary, infer_request

INT32_MAX = 2**31 - 1
# In seconds. The client says sys.maxsize, which Debian's grpcio (1.51) can't add to the time of day; on the wire both are 27,000 hours.
FOREVER = 10**9
COMPRESSION = {None: grpc.Compression.NoCompression, "deflate": grpc.Compression.Deflate, "gzip": grpc.Compression.Gzip}


def known(error):
    # Of a call that was cancelled here, grpcio would wait for details that never come.
    if error.code() == grpc.StatusCode.CANCELLED:
        return InferenceServerException(error.details(), str(error.code()))
    return InferenceServerException(error.details(), str(error.code()), error.debug_error_string())


class KeepAliveOptions:
    def __init__(
        self,
        keepalive_time_ms=INT32_MAX,
        keepalive_timeout_ms=20000,
        keepalive_permit_without_calls=False,
        http2_max_pings_without_data=2,
    ):
        self.channel_options = [
            ("grpc.keepalive_time_ms", keepalive_time_ms),
            ("grpc.keepalive_timeout_ms", keepalive_timeout_ms),
            ("grpc.keepalive_permit_without_calls", keepalive_permit_without_calls),
            ("grpc.http2.max_pings_without_data", http2_max_pings_without_data),
        ]


class InferenceServerClient:
    def __init__(
        self,
        url,
        verbose=False,
        ssl=False,
        root_certificates=None,
        private_key=None,
        certificate_chain=None,
        creds=None,
        keepalive_options=None,
        channel_args=None,
    ):
        options = channel_args
        if options is None:
            sizes = [("grpc.max_send_message_length", INT32_MAX), ("grpc.max_receive_message_length", INT32_MAX)]
            options = sizes + (keepalive_options or KeepAliveOptions()).channel_options
        if ssl and creds is None:
            pem = [open(path, "rb").read() if path else None for path in (root_certificates, private_key, certificate_chain)]
            creds = grpc.ssl_channel_credentials(*pem)
        self._channel = (
            grpc.secure_channel(url, creds, options=options) if creds else grpc.insecure_channel(url, options=options)
        )
        self._stub = Stub(self._channel)
        self._stream = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.stop_stream()
        self._channel.close()

    def _call(self, name, request, headers, client_timeout, as_json=False, **options):
        try:
            metadata = (headers or {}).items()
            response = getattr(self._stub, name)(request, metadata=metadata, timeout=client_timeout, **options)
        except grpc.RpcError as error:
            raise known(error) from None
        return as_dictionary(response) if as_json else response

    def is_server_live(self, headers=None, client_timeout=FOREVER):
        return self._call("ServerLive", message("ServerLiveRequest")(), headers, client_timeout).live

    def is_server_ready(self, headers=None, client_timeout=FOREVER):
        return self._call("ServerReady", message("ServerReadyRequest")(), headers, client_timeout).ready

    def is_model_ready(self, model_name, model_version="", headers=None, client_timeout=FOREVER):
        request = message("ModelReadyRequest")(name=model_name, version=model_version)
        return self._call("ModelReady", request, headers, client_timeout).ready

    def get_server_metadata(self, headers=None, as_json=False, client_timeout=FOREVER):
        return self._call("ServerMetadata", message("ServerMetadataRequest")(), headers, client_timeout, as_json)

    def _of_model(self, call, model_name, model_version, headers, as_json, client_timeout):
        request = message(f"{call}Request")(name=model_name, version=model_version)
        return self._call(call, request, headers, client_timeout, as_json)

    def get_model_metadata(
        self, model_name, model_version="", headers=None, as_json=False, client_timeout=FOREVER
    ):
        return self._of_model("ModelMetadata", model_name, model_version, headers, as_json, client_timeout)

    def get_model_config(self, model_name, model_version="", headers=None, as_json=False, client_timeout=FOREVER):
        return self._of_model("ModelConfig", model_name, model_version, headers, as_json, client_timeout)

    def get_inference_statistics(
        self, model_name="", model_version="", headers=None, as_json=False, client_timeout=FOREVER
    ):
        return self._of_model("ModelStatistics", model_name, model_version, headers, as_json, client_timeout)

    def get_model_repository_index(self, headers=None, as_json=False, client_timeout=FOREVER):
        return self._call("RepositoryIndex", message("RepositoryIndexRequest")(), headers, client_timeout, as_json)

    def load_model(self, model_name, headers=None, config=None, files=None, client_timeout=FOREVER):
        request = message("RepositoryModelLoadRequest")(model_name=model_name)
        if config is not None:
            request.parameters["config"].string_param = config
        for path, content in (files or {}).items():
            request.parameters[path].bytes_param = content
        self._call("RepositoryModelLoad", request, headers, client_timeout)

    def unload_model(self, model_name, headers=None, unload_dependents=False, client_timeout=FOREVER):
        request = message("RepositoryModelUnloadRequest")(model_name=model_name)
        request.parameters["unload_dependents"].bool_param = unload_dependents
        self._call("RepositoryModelUnload", request, headers, client_timeout)

    def infer(
        self,
        model_name,
        inputs,
        model_version="",
        outputs=None,
        request_id="",
        sequence_id=0,
        sequence_start=False,
        sequence_end=False,
        priority=0,
        timeout=None,
        client_timeout=None,
        headers=None,
        compression_algorithm=None,
        parameters=None,
    ):
        sequence = (sequence_id, sequence_start, sequence_end)
        request = infer_request(
            model_name, inputs, model_version, outputs, request_id, sequence, priority, timeout, parameters
        )
        compression = COMPRESSION[compression_algorithm]
        return InferResult(self._call("ModelInfer", request, headers, client_timeout, compression=compression))

    def async_infer(
        self,
        model_name,
        inputs,
        callback,
        model_version="",
        outputs=None,
        request_id="",
        sequence_id=0,
        sequence_start=False,
        sequence_end=False,
        priority=0,
        timeout=None,
        client_timeout=None,
        headers=None,
        compression_algorithm=None,
        parameters=None,
    ):
        """@returns something whose `cancel()` gives the request up. `callback(result, error)` is told how it ended."""
        sequence = (sequence_id, sequence_start, sequence_end)
        request = infer_request(
            model_name, inputs, model_version, outputs, request_id, sequence, priority, timeout, parameters
        )

        def done(call):
            try:
                callback(result=InferResult(call.result()), error=None)
            except grpc.FutureCancelledError:
                callback(result=None, error=InferenceServerException("Locally cancelled", "StatusCode.CANCELLED"))
            except grpc.RpcError as error:
                callback(result=None, error=known(error))

        future = self._stub.ModelInfer.future(
            request,
            metadata=(headers or {}).items(),
            timeout=client_timeout,
            compression=COMPRESSION[compression_algorithm],
        )
        future.add_done_callback(done)
        return future

    def start_stream(self, callback, stream_timeout=None, headers=None, compression_algorithm=None):
        if self._stream is not None:
            raise InferenceServerException("cannot start another stream with one already running")
        requests = queue.Queue()
        responses = self._stub.ModelStreamInfer(
            iter(requests.get, None),
            metadata=(headers or {}).items(),
            timeout=stream_timeout,
            compression=COMPRESSION[compression_algorithm],
        )

        def read():
            try:
                for response in responses:
                    if response.error_message:
                        callback(result=None, error=InferenceServerException(response.error_message))
                    else:
                        callback(result=InferResult(response.infer_response), error=None)
            except grpc.RpcError as error:
                callback(result=None, error=known(error))

        reader = threading.Thread(target=read)
        reader.start()
        self._stream = (requests, responses, reader)

    def async_stream_infer(
        self,
        model_name,
        inputs,
        model_version="",
        outputs=None,
        request_id="",
        sequence_id=0,
        sequence_start=False,
        sequence_end=False,
        enable_empty_final_response=False,
        priority=0,
        timeout=None,
        parameters=None,
    ):
        sequence = (sequence_id, sequence_start, sequence_end)
        request = infer_request(
            model_name, inputs, model_version, outputs, request_id, sequence, priority, timeout, parameters
        )
        if enable_empty_final_response:
            request.parameters["triton_enable_empty_final_response"].bool_param = True
        self._stream[0].put(request)

    def stop_stream(self, cancel_requests=False):
        """Waits for what is under way, or gives it up."""
        if self._stream is None:
            return
        requests, responses, reader = self._stream
        if cancel_requests:
            responses.cancel()
        requests.put(None)
        reader.join()
        self._stream = None
