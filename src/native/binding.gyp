# The addon and, beside it, one static library an instruction set: its kernels alone are compiled with that set's flags, so that
# nothing else can run into an instruction that the machine lacks. Built by scripts/setup/addon.mjs.
{
  "target_defaults": {
    "default_configuration": "Release",
    "cflags!": ["-O2", "-fno-omit-frame-pointer"],
    "cflags": ["-O3", "-Wall", "-Wextra", "-fvisibility=hidden"],
    "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
    "cflags_cc": ["-std=c++17"],
    "xcode_settings": {
      "CLANG_CXX_LANGUAGE_STANDARD": "c++17",
      "GCC_OPTIMIZATION_LEVEL": "3",
      "MACOSX_DEPLOYMENT_TARGET": "11.0",
      "OTHER_CFLAGS": ["-Wall", "-Wextra", "-fvisibility=hidden"],
    },
  },
  "targets": [
    {
      "target_name": "headwater",
      "sources": [
        "addon.cpp",
        "addon_data.cpp",
        "arguments.cpp",
        "arithmetic/choose.cpp",
        "arithmetic_object.cpp",
        "cpu.cpp",
        "decode_image.cpp",
        "decode_plain.cpp",
        "decode_sparse.cpp",
        "executor.cpp",
        "executor_object.cpp",
        "isa.cpp",
        "js_values.cpp",
        "memory.cpp",
        "plan.cpp",
        "plan_reader.cpp",
        "run_call.cpp",
        "sharing.cpp",
        "thread_pool.cpp",
      ],
      "defines": ["NAPI_VERSION=8"],
      "dependencies": ["arithmetic_scalar", "kernels_scalar", "sources_digest"],
      "conditions": [
        ["target_arch=='x64'", {"dependencies": ["arithmetic_avx512", "arithmetic_avx2", "kernels_avx512", "kernels_avx2"]}],
        ["target_arch=='arm64'", {"dependencies": ["arithmetic_neon", "kernels_neon"]}],
      ],
    },
    {
      # Alone, so that a change of any source compiles this file again and no other.
      "target_name": "sources_digest",
      "type": "static_library",
      "sources": ["sources_digest.cpp"],
      "defines": ["HEADWATER_SOURCES_DIGEST=\"<!(node sources-digest.cjs)\""],
    },
    {
      # No fused multiply-add here: the reference that the others are compared with rounds each operation.
      "target_name": "kernels_scalar",
      "type": "static_library",
      "sources": ["kernels/scalar.cpp"],
      "cflags": ["-ffp-contract=off"],
      "xcode_settings": {"OTHER_CFLAGS": ["-ffp-contract=off"]},
    },
    {
      # The learners' arithmetic: nowhere a fused multiply-add, so that every instruction set gives the same bits.
      "target_name": "arithmetic_scalar",
      "type": "static_library",
      "sources": ["arithmetic/scalar.cpp"],
      "cflags": ["-ffp-contract=off"],
      "xcode_settings": {"OTHER_CFLAGS": ["-ffp-contract=off"]},
    },
  ],
  "conditions": [
    ["target_arch=='x64'", {
      "targets": [
        {
          "target_name": "kernels_avx512",
          "type": "static_library",
          "sources": ["kernels/avx512.cpp"],
          "cflags": ["-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mavx2", "-mfma"],
          "xcode_settings": {
            "OTHER_CFLAGS": ["-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mavx2", "-mfma"],
          },
        },
        {
          "target_name": "kernels_avx2",
          "type": "static_library",
          "sources": ["kernels/avx2.cpp"],
          "cflags": ["-mavx2", "-mfma"],
          "xcode_settings": {"OTHER_CFLAGS": ["-mavx2", "-mfma"]},
        },
        {
          "target_name": "arithmetic_avx512",
          "type": "static_library",
          "sources": ["arithmetic/avx512.cpp"],
          "cflags": ["-ffp-contract=off", "-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mavx2"],
          "xcode_settings": {
            "OTHER_CFLAGS": ["-ffp-contract=off", "-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mavx2"],
          },
        },
        {
          "target_name": "arithmetic_avx2",
          "type": "static_library",
          "sources": ["arithmetic/avx2.cpp"],
          "cflags": ["-ffp-contract=off", "-mavx2"],
          "xcode_settings": {"OTHER_CFLAGS": ["-ffp-contract=off", "-mavx2"]},
        },
      ],
    }],
    ["target_arch=='arm64'", {
      "targets": [
        {"target_name": "kernels_neon", "type": "static_library", "sources": ["kernels/neon.cpp"]},
        {
          "target_name": "arithmetic_neon",
          "type": "static_library",
          "sources": ["arithmetic/neon.cpp"],
          "cflags": ["-ffp-contract=off"],
          "xcode_settings": {"OTHER_CFLAGS": ["-ffp-contract=off"]},
        },
      ],
    }],
  ],
}
