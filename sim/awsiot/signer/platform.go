package signer

// Algorithms is what a platform can, and what it does unasked.
type Algorithms struct {
	Allowed []string `json:"allowedValues"`
	Default string   `json:"defaultValue"`
}

// Platform is what code is signed for.
type Platform struct {
	ID            string `json:"platformId"`
	Name          string `json:"displayName"`
	Partner       string `json:"partner"`
	Target        string `json:"target"`
	Category      string `json:"category"`
	Configuration struct {
		Encryption Algorithms `json:"encryptionAlgorithmOptions"`
		Hash       Algorithms `json:"hashAlgorithmOptions"`
	} `json:"signingConfiguration"`
	Format struct {
		Supported []string `json:"supportedFormats"`
		Default   string   `json:"defaultFormat"`
	} `json:"signingImageFormat"`
	MaxSize int `json:"maxSizeInMB"`
}

// mebibyte is a platform's unit of size, in bytes.
const mebibyte = 1 << 20

// platforms are those for devices of AWS IoT. Their names are documented;
// their defaults and sizes are inferred.
func platforms() []Platform {
	both, hashes := []string{"ECDSA", "RSA"}, []string{"SHA256", "SHA1"}
	make := func(id, name, target string, encryption, hash Algorithms, format string) Platform {
		p := Platform{ID: id, Name: name, Partner: "AWS", Target: target, Category: "AWSIoT", MaxSize: 2048}
		p.Configuration.Encryption, p.Configuration.Hash = encryption, hash
		p.Format.Supported, p.Format.Default = []string{"JSON", "JSONEmbedded", "JSONDetached"}, format
		return p
	}
	return []Platform{
		make("AWSIoTDeviceManagement-SHA256-ECDSA", "AWS IoT Device Management SHA256-ECDSA", "SHA256-ECDSA",
			Algorithms{[]string{"ECDSA"}, "ECDSA"}, Algorithms{[]string{"SHA256"}, "SHA256"}, "JSONDetached"),
		make("AmazonFreeRTOS-Default", "Amazon FreeRTOS", "Default",
			Algorithms{both, "ECDSA"}, Algorithms{hashes, "SHA256"}, "JSON"),
		make("AmazonFreeRTOS-TI-CC3220SF", "Amazon FreeRTOS TI CC3220SF-LAUNCHXL", "TI-CC3220SF",
			Algorithms{[]string{"RSA"}, "RSA"}, Algorithms{[]string{"SHA1"}, "SHA1"}, "JSON"),
	}
}
