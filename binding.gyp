# The addon that ships. CMakeLists.txt builds the same sources for debugging.
{
  'targets': [
    {
      'target_name': 'node_dlb',
      'sources': [
        'native/acceptor.cc',
        'native/addon.cc',
        'native/environment.cc',
        'native/fd.cc',
        'native/listen_socket.cc',
        'native/listener.cc',
        'native/system_error.cc',
      ],
      'defines': [
        'NAPI_VERSION=8',
        'NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS',
        'NODE_ADDON_API_DISABLE_DEPRECATED',
        # An exception cannot be thrown in an environment that is ending; that is no reason to abort the process.
        'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
      ],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': [
        '-std=c++17',
        # System headers, so that our warnings are for our code.
        '-isystem<!(node -p "path.resolve(require(\'node-addon-api\').include_dir)")',
        '-fno-exceptions',
        '-fvisibility=hidden',
        '-Wall',
        '-Wextra',
        '-Wpedantic',
        '-Wshadow',
        '-Wconversion',
        '-Wsign-conversion',
        '-Wnon-virtual-dtor',
        '-Wold-style-cast',
        '-Woverloaded-virtual',
        '-Wundef',
        '-Werror',
      ],
      'cflags!': ['-Wno-unused-parameter'],
    },
  ],
}
